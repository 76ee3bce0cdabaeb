//! What does this model answer, in text? A model with its tokenizer and template: open, answer, score, draw anchors.
