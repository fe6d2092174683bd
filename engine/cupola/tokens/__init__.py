"""API tokens: who may ask the endpoints and the gateway of a user what, without being that user."""
