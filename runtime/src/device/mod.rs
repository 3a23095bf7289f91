//! What programs run on, and what their kernels are compiled with.

pub mod host;
pub mod nvrtc;
