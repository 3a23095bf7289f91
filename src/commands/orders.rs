//! `archc dev FILE --stage orders`: the scan orders of a program, as tables or as a picture.

use arch_compiler::graph::{FuncId, Module};
use arch_compiler::ops::{Op, View};
use arch_compiler::program::Program;
use std::fmt::Write;

/// A picture's pixels for a cell.
const CELL: usize = 12;
/// Between two pictures, and beside them.
const GAP: usize = 16;
/// Pictures in a row.
const ACROSS: usize = 4;

/// An order of positions, and which of the program's scans visit them in it.
struct Visits {
    order: Vec<u32>,
    scans: Vec<usize>,
}

/// The orders as tables: in each cell, the step that visits it.
pub fn text(program: &Program) -> String {
    let all = orders(program);
    if all.is_empty() {
        return "no order: nothing is permuted\n".into();
    }
    let mut out = String::new();
    for (i, visits) in all.iter().enumerate() {
        let (rows, columns) = grid(program, visits.order.len());
        let scans: Vec<String> = visits.scans.iter().map(usize::to_string).collect();
        let _ = writeln!(
            out,
            "order {} of {}: {rows} x {columns}, of scan {}",
            i + 1,
            all.len(),
            scans.join(", ")
        );
        let mut steps = vec![0; visits.order.len()];
        for (step, at) in visits.order.iter().enumerate() {
            steps[*at as usize] = step;
        }
        let width = (steps.len().max(2) - 1).to_string().len() + 1;
        for row in steps.chunks(columns) {
            let cells: String = row.iter().map(|step| format!("{step:width$}")).collect();
            let _ = writeln!(out, " {cells}");
        }
    }
    out
}

/// The orders as paths through their grids; a dot is where each begins.
pub fn svg(program: &Program) -> String {
    let all = orders(program);
    let grids: Vec<(usize, usize)> = all.iter().map(|v| grid(program, v.order.len())).collect();
    let (high, wide) = grids.iter().fold((1, 1), |(r, c), g| (r.max(g.0), c.max(g.1)));
    let (step_x, step_y) = (wide * CELL + GAP, high * CELL + 2 * GAP);
    let columns = all.len().clamp(1, ACROSS);
    let (width, height) = (columns * step_x + GAP, all.len().div_ceil(ACROSS).max(1) * step_y + GAP);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (i, (visits, (rows, columns))) in all.iter().zip(grids).enumerate() {
        let (left, top) = (GAP + i % ACROSS * step_x, GAP + i / ACROSS * step_y);
        let scans: Vec<String> = visits.scans.iter().map(usize::to_string).collect();
        let centre = |at: &u32| {
            let (row, column) = (*at as usize / columns, *at as usize % columns);
            (left + column * CELL + CELL / 2, top + row * CELL + CELL / 2)
        };
        let points: Vec<String> = visits.order.iter().map(centre).map(|(x, y)| format!("{x},{y}")).collect();
        let (w, h) = (columns * CELL, rows * CELL);
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" fill=\"#f4f4f4\" stroke=\"#ccc\"/>\n\
             <polyline points=\"{}\" fill=\"none\" stroke=\"#26c\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        if let Some((x, y)) = visits.order.first().map(centre) {
            let _ = writeln!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"#c22\"/>");
        }
        let caption = top + h + 12;
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{caption}\">scan {}</text>", scans.join(", "));
    }
    out + "</svg>\n"
}

/// The different orders, in the order in which the program comes to them. The way back is no order.
fn orders(program: &Program) -> Vec<Visits> {
    let mut all: Vec<Visits> = Vec::new();
    let mut scans = 0;
    walk(&program.module, program.entry, &mut |order| {
        scans += 1;
        match all.iter_mut().find(|v| v.order == order) {
            Some(visits) => visits.scans.push(scans),
            None => all.push(Visits { order: order.to_vec(), scans: vec![scans] }),
        }
    });
    all
}

/// Hands on each permutation of a function and of those that it calls.
fn walk(module: &Module, function: FuncId, found: &mut dyn FnMut(&[u32])) {
    let mut open: Vec<&[u32]> = Vec::new();
    for node in &module.function(function).nodes {
        match &node.op {
            Op::Call { function, .. } => walk(module, *function, found),
            Op::View(View::Permute { order, .. }) => {
                let undone = open.iter().position(|there| undoes(there, order));
                match undone {
                    Some(at) => _ = open.remove(at),
                    None => {
                        open.push(order);
                        found(order);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether one permutation takes everything back to where it was before the other.
fn undoes(there: &[u32], back: &[u32]) -> bool {
    there.len() == back.len() && back.iter().zip(0..).all(|(at, i)| there[*at as usize] == i)
}

/// Rows and columns of the grid that has so many positions: of the two axes that the program makes one of, or
/// one of two. Where there are none, one row.
fn grid(program: &Program, positions: usize) -> (usize, usize) {
    let module = &program.module;
    let nodes = module.functions.iter().flat_map(|f| &f.nodes);
    let two = nodes.filter_map(|node| match &node.op {
        Op::View(View::Flatten { from, .. }) => Some(from),
        Op::View(View::Unflatten { to, .. }) => Some(to),
        _ => None,
    });
    let sizes = two.filter(|axes| axes.len() == 2).map(|axes| module.dims(axes, 1));
    let fitting = sizes.filter(|d| d[0] > 1 && d[0] * d[1] == positions).map(|d| (d[0], d[1])).next();
    fitting.unwrap_or((1, positions.max(1)))
}
