"""Who said it: conversations built of clips of different people, and how well the daemon tells who speaks when."""
