"""What an Endpoint step does: deploys where there is no endpoint yet, else rolls the change out, and waits for it."""

from cupola import actions
from cupola.errors import NotFound
from cupola.pipelines import types
from cupola.pipelines.asked import Asked, done, outcome_of, waited
from cupola.pipelines.workers import Outcome
from cupola.registry import records as models
from cupola.serving import records as endpoints


def endpoint(asked: Asked) -> Outcome:
    """Has the endpoint serve the version; one that does so already is left alone."""
    given: types.Endpoint = asked.typed(types.Endpoint)
    store = asked.ws.store
    version = models.find(store, given.model)
    try:
        before = endpoints.wish(store, given.name)
    except NotFound:
        return done(asked, "endpoint deploy", {"model": version.ref, "name": given.name, **given.deploy})
    if [one.model for one in before.variants] == [version.ref] and before.desired == "InService":
        state = endpoints.find(store, given.name)
        if state.status == "InService":
            return outcome_of(state)
        if asked.again:
            action = actions.find("endpoint update")
            return waited(asked, action, state)
    return done(asked, "endpoint update", {"endpoint": given.name, "model": version.ref, **given.update})
