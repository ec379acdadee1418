"""The page on which a recipient says whether a number is theirs, and its translations."""
