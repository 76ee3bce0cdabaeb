//! What does a run leave behind? Events, observers, figures and durable files of a training run.
