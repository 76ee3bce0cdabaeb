//! Which texts ship? Built-in prompt sets, and Hearth, a small world with a grammar and an exact judge.
