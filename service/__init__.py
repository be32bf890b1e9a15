"""Pages for people who were told of an episode: see what it rests on, acknowledge, silence."""
