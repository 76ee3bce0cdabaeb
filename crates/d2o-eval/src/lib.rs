//! How harmful, how refusing, how sure? Judges fitted on labels, refusal rules, bootstrap intervals.
