"""What a corpus may be made of: licences that pass, and how much of each group."""
