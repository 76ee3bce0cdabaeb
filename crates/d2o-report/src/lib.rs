//! What did the run do? One self-contained HTML page from a run directory.
