"""The work itself: pull -> read -> verify -> decide -> write back, and what surrounds it."""
