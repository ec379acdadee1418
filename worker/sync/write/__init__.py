"""Write to a CRM in batches."""
