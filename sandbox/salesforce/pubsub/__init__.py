"""The org's change events, and the Pub/Sub API that delivers them.

`event_bus` makes events of changes and keeps them; `server` is the gRPC face. Needs grpcio,
protobuf and fastavro (the extra `streaming`). `pubsub_api_pb2.py` is made by `make stubs`.

Sources: Change Data Capture Developer Guide; Pub/Sub API documents; `pubsub_api.proto`. That a
channel whose object is not selected in Setup answers NOT_FOUND, and with which words, is from
https://github.com/pozil/pub-sub-api-java-client/issues/2.
"""
