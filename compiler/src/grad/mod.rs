//! Reverse-mode differentiation, graph to graph.

#![allow(dead_code)]
mod backward;
mod pullback;

pub(crate) use pullback::{Pullback, Pulled};
