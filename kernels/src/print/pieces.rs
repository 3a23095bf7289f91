//! Where in the parallel loops a piece of a kernel lies.

use super::names;
use crate::ir::{Extent, Loop, LoopKind, Stmt};

/// A parallel loop and the value of its variable in the piece: of the first lane, where lanes are shared out.
pub(super) struct Place<'l> {
    pub of: &'l Loop,
    pub text: String,
}

/// Whether iterations of a loop are shared out.
pub(super) fn is_parallel(l: &Loop) -> bool {
    matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes)
}

/// The parallel loop among statements.
pub(super) fn parallel_in(stmts: &[Stmt]) -> Option<usize> {
    stmts.iter().position(|s| matches!(s, Stmt::Loop(l) if is_parallel(l)))
}

/// This parallel loop and those in it, outermost first.
pub(super) fn nest(first: &Loop) -> Vec<&Loop> {
    let mut loops = vec![first];
    while let Some(next) = loops[loops.len() - 1].body.iter().find_map(|s| match s {
        Stmt::Loop(l) if is_parallel(l) => Some(l),
        _ => None,
    }) {
        loops.push(next);
    }
    loops
}

/// The variables of the parallel loops from the number of the piece, outermost first.
pub(super) fn places<'l>(first: &'l Loop, lanes: i64, piece: &str) -> Vec<Place<'l>> {
    // The loops further in: how many pieces one step of this loop takes.
    let (mut below, mut batches) = (1, 0);
    let mut places = Vec::new();
    for (i, l) in nest(first).into_iter().enumerate().rev() {
        let shared = l.kind == LoopKind::ParallelLanes;
        let count = if shared { (l.extent.count + lanes - 1) / lanes } else { l.extent.count };
        let by = names::extent(Extent { count: below, batch: batches > 0 });
        let mut text = match by.as_str() {
            "1" => piece.to_string(),
            _ if batches > 0 => format!("{piece} / ({by})"),
            _ => format!("{piece} / {by}"),
        };
        if i > 0 {
            let count = names::extent(Extent { count, ..l.extent });
            let count = if l.extent.batch { format!("({count})") } else { count };
            text = format!("{text} % {count}");
        }
        if shared && lanes > 1 {
            text = format!("{text} * {lanes}");
        }
        places.push(Place { of: l, text });
        below *= count;
        batches += usize::from(l.extent.batch);
    }
    places.reverse();
    places
}
