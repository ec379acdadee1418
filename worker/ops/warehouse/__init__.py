"""Export the views of `worker.store.views` to a directory of Parquet files, and keep it current.

    changes.py       which rows are new, changed or gone, by comparing two ordered streams
    manifest.py      what the directory holds: `manifest.json`, replaced as one
    parts.py         write, read, shrink and merge Parquet files; the only module that needs pyarrow
    export.py        one export
    exported_to.py   which directories there are

The tables say of hardly any row when it changed, and a time could not be trusted anyway: what is
committed late bears an earlier one. So each export reads the views as a whole, in the order of
their keys and from one snapshot, and compares every row with a hash that stands beside the row in
the files. Reading a view costs less than any record of its changes would cost each sync.

A file never changes. Rows that are new or changed go to new files. A file that holds a row which
was changed, deleted or erased since is replaced by one without it. So the directory holds each row
once, as it is, and nobody who was erased. `deleted/` says which rows are gone, by a keyed hash.
"""
