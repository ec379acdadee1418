"""Lists on disk, cleaned without a CRM or a server (`hygiene clean`)."""
