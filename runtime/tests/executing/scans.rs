//! Recurrences.
