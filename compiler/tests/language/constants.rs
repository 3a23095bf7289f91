//! Numbers known at compile time: orders, masks, tables.

use crate::support::{assert_close, case, numbers};

const ORDERS: &str = "
  fn snake(rows: axis H, columns: axis W) -> [H, W] {
    let (i, j) = (iota(H), broadcast(iota(W), H))
    where(i % 2 == 0, i * W + j, i * W + W - 1 - j)
  }
  /// Position d of the Hilbert curve through a square of 2^n: the row and column, digit by digit.
  fn hilbert(d, n: int, side: int, x, y) = if side >= n { x * n + y } else {
    let rx = floor(d / 2) % 2
    let ry = (d + rx) % 2
    let (fx, fy) = (where(rx == 1, side - 1 - x, x), where(rx == 1, side - 1 - y, y))
    let swapped = ry == 0
    let (px, py) = (where(swapped, fy, x), where(swapped, fx, y))
    hilbert(floor(d / 4), n, 2 * side, px + side * rx, py + side * ry)
  }";

#[test]
fn a_permutation_comes_from_iota() {
    let text = format!(
        "{ORDERS} block B(H, W) {{ dims T = H * W
          forward(x: [T]) -> (y: [Z], back: [T]) {{
            let order = flatten(snake(H, W), (H, W) -> Z)
            let y = permute(x, T -> Z, order)
            (y, permute(y, Z -> T, inverse(order)))
          }} }}"
    );
    let x = numbers(6, |i| i as f64);
    let found = case(&text).dim("H", 2).dim("W", 3).compiled().run(&[("x", &x)]);
    assert_close(&found.output("y").unwrap().data, &[0.0, 1.0, 2.0, 5.0, 4.0, 3.0]);
    assert_close(&found.output("back").unwrap().data, &x);
}

/// The order of the usual iterative algorithm.
fn hilbert(n: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for d in 0..n * n {
        let (mut x, mut y, mut t, mut s) = (0, 0, d, 1);
        while s < n {
            let rx = 1 & (t / 2);
            let ry = 1 & (t ^ rx);
            if ry == 0 {
                if rx == 1 {
                    (x, y) = (s - 1 - x, s - 1 - y);
                }
                (x, y) = (y, x);
            }
            (x, y, t, s) = (x + s * rx, y + s * ry, t / 4, 2 * s);
        }
        out.push((x * n + y) as f64);
    }
    out
}

#[test]
fn a_recursive_function_makes_a_hilbert_curve() {
    let text = format!(
        "{ORDERS} block B {{ config n: int = 4  dims T = n * n
          forward(x: [T]) -> [Z] {{ permute(x, T -> Z, hilbert(iota(T), n, 1, 0 * iota(T), 0 * iota(T))) }} }}"
    );
    assert_close(&case(&text).run(&[("x", &numbers(16, |i| i as f64))]), &hilbert(4));
    assert_close(&case(&text).set("n", "8").run(&[("x", &numbers(64, |i| i as f64))]), &hilbert(8));
}

#[test]
fn what_is_no_permutation_is_refused() {
    let text = "block B(T) { forward(x: [T]) -> [Z] { permute(x, T -> Z, floor_div(iota(T), 2)) } }";
    assert_eq!(case(text).dim("T", 4).codes(), ["A0314"]);
    let text = "block B(T) { forward(x: [T], o: [T] int) -> [Z] { permute(x, T -> Z, o) } }";
    assert_eq!(case(text).dim("T", 4).codes(), ["A0314"]);
    let forgotten = "block B(T) { forward(x: [T]) -> [T] { permute(x, T -> Z, T - 1 - iota(T)) } }";
    assert_eq!(case(forgotten).dim("T", 4).codes(), ["A0303"]);
}

#[test]
fn masks_and_tables_are_functions_of_iota() {
    let text = "block B(T) { dims S = T
        forward(x: [T]) -> [T] { let y = rename(x, T -> S)
          sum(where(iota(T) >= broadcast(iota(S), T), broadcast(y, T), 0.0), over: S) } }";
    assert_close(&case(text).dim("T", 3).run(&[("x", &[1.0, 2.0, 4.0])]), &[1.0, 3.0, 7.0]);
}

#[test]
fn the_position_table_is_that_of_the_papers() {
    let text = "block B(D) { dims H = 2, W = 2
        buffer table: [H, W, D] = sincos_2d(H, W, D)
        forward(x: [H, W, D]) -> [H, W, D] { x + table } }";
    let compiled = case(text).dim("D", 8).compiled();
    // Row 1, column 0: the first half tells the column, the second the row; sines, then cosines.
    let w = 10000f64.powf(-0.5);
    let wanted = [0.0, 0.0, 1.0, 1.0, 1f64.sin(), w.sin(), 1f64.cos(), w.cos()];
    assert_close(&compiled.first("table")[16..24], &wanted);
}
