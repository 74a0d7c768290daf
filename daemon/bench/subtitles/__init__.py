"""How often subtitles break the rules of good ones, `bench subtitles`: the rules, what is cut, and who is compared."""
