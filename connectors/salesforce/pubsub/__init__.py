"""Salesforce's Pub/Sub API: change events over gRPC, as they happen (docs/streaming.md).

`feed` subscribes to a channel, `change_events` reads an event, `errors` says what went wrong.
`pubsub_api.proto` is Salesforce's public description of the API, as it stands in
https://github.com/forcedotcom/pub-sub-api (commit 0ba4701, Creative Commons CC0 1.0: "No rights
reserved"). `make stubs` makes `pubsub_api_pb2.py` of it, here and for the stand-in.

Only `feed` and what it makes import grpcio, protobuf and fastavro (the extra `streaming`), and only
when a feed is opened: without them everything else works.
"""
