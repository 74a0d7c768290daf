"""The daemon's side of its children: started, spoken to, given deadlines, replaced."""
