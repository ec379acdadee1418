"""The admin's pages: each module a part of the menu."""
