"""The root of all errors that end a command or a request, and the tree of them.

    HygieneError                            exit 1  HTTP 500
    ├── SettingsError                            2             config.section
    ├── ListError                                2             connectors.csv_list.errors
    ├── ConnectorError                                    502  connectors.errors
    │   ├── AuthError                            2
    │   │   └── MissingScopeError                              connectors.hubspot.errors
    │   ├── InvalidRequestError                           422
    │   ├── NotFoundError
    │   ├── QuotaError
    │   ├── UnavailableError
    │   │   └── ExpiredSessionError                            connectors.salesforce.pubsub.errors
    │   ├── ReplayIdError                                      connectors.salesforce.pubsub.errors
    │   ├── SchemaError                          2
    │   │   └── SchemaChangedError               2
    │   └── RunOverError                                  409  worker.sync.runs.lifecycle
    ├── ProviderError                                          worker.verification.errors
    ├── StoreError                               2             worker.store.errors
    ├── RedisError                               2             worker.store.embedded_redis
    ├── ExportError                              2             worker.ops.export
    ├── StillReadError                           2        409  worker.ops.former_records
    ├── AccountChangeError                       2        409  worker.ops.account_change
    ├── NotOnePersonError                        2        409  worker.ops.person_export
    ├── RunActiveError                                    409  worker.sync.runs.lifecycle
    ├── PausedError                                       409  worker.store.pause
    ├── NoSuchRunError                           2        404  worker.sync.runs.lifecycle
    ├── NothingToUndoError                                409  worker.suppression.undo_action
    ├── NoSuchImportError                        2        404  worker.suppression.import_batches
    ├── NoSuchSuppressionError                   2        404  worker.suppression.suppressions
    ├── EndpointError                            2        422  worker.events.endpoints
    ├── NoSuchEndpointError                      2        404  worker.events.endpoints
    │   └── NoSuchDeliveryError                                worker.events.delivery_log
    ├── CaptureKeyError                          2        422  worker.capture.model
    ├── NoSuchCaptureKeyError                    2        404  worker.capture.model
    ├── CursorError                              2        422  worker.events.feed
    ├── ExpiredCursorError                       2        410  worker.events.feed
    ├── UnknownRegistryError                     2        404  worker.registries.model
    ├── ImportRefusedError                       2        422  worker.registries.imports
    │   ├── ImportBusyError                               409  worker.registries.imports
    │   └── RemovalsRefusedError                               worker.registries.imports
    ├── ContactsNotToldError                              503  worker.registries.imports
    ├── UploadError                              2        409  worker.registries.uploads
    ├── NoSuchCertificateError                   2        404  worker.scrub.certificates
    ├── AskingError                              2        422  worker.asking.model
    ├── NoSuchCampaignError                      2        404  worker.asking.model
    ├── NoSuchSegmentError                       2        404  worker.segments.isolation
    ├── NoSuchRecordError                        2        404  worker.queries.timeline
    ├── OutcomeError                             2        422  worker.segments.campaign_outcomes
    └── AccessError                              2        422  worker.access.model

An empty column is as its parent's. The command line ends with the exit code
(`worker.cli.base`), the web application answers with the status (`worker.web.app`): each in one
place. Exceptions that never leave the package that raises them, such as the one that asks for a
call to be tried again, are not in this tree.
"""

from __future__ import annotations

from typing import ClassVar


class HygieneError(Exception):
    """Something that an operator can act on. The text is one line for each problem: what it is, and
    what to do. It holds no secret and no number.

    `exit_code`: 1 = not done, or not finished; 2 = wrong usage or settings, nothing was done.
    `http_status`: 500 = the sender of a request can do nothing about it; it is logged.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
