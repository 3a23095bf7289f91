//! Random functions.
