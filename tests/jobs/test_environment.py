"""Which variables go along with a job, or with the agent."""

from cupola.jobs.environment import allowed


def test_what_a_job_starts_does_not_import_from_the_code_of_that_job() -> None:
    own = {"CUPOLA_JOB_DIR": "/ws/jobs/1", "CUPOLA_WORKSPACE": "/ws"}
    found = allowed(own | {"PYTHONPATH": "/ws/jobs/1/code/src:/home/ada/lib:/ws/src"})
    assert found == {"PYTHONPATH": "/home/ada/lib"}
    assert allowed(own | {"PYTHONPATH": "/ws/jobs/1/code/src"}) == {}
    assert allowed({"PYTHONPATH": "/ws/src"}) == {"PYTHONPATH": "/ws/src"}, "somebody has set that"


def test_secrets_stay_where_they_are() -> None:
    assert allowed({"CUPOLA_TOKEN": "x", "CUPOLA_RUNTIME_DIR": "/run", "AWS_REGION": "here"}) == {
        "CUPOLA_RUNTIME_DIR": "/run"
    }
