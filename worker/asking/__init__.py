"""Ask customers to confirm or correct their number: ask campaigns, by text or email.

Read in this order: `model` (the words), `candidates` (who may be asked, by our index),
`eligibility` (who must not be), `campaigns` (plan, start, pause), `claims` and `sending` (claim,
send, record), `senders` (a module for each way), `links` (what a recipient opens) and `answers`
(what they said).
"""
