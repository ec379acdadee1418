"""What HubSpot calls for its app: a step of workflows, and the card on a contact."""
