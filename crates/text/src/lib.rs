//! Operator text: spans, diagnostics and the lexers of the two configuration dialects.
