//! Matrix products in CUDA: a block computes a tile of the result from tiles of both operands in shared memory.

use super::source::NARROW;
use super::{Launch, Refusal, launch};
use crate::plan::Gemm;
use std::fmt::Write;

/// The part of the sums that is in shared memory at a time.
const DEPTH: usize = 16;
/// Threads along each side of a tile.
const SIDE: usize = 16;
/// Rows or columns that a thread computes of a long side.
const EACH: usize = 4;

/// How a product is cut: elements of a thread along rows and along columns.
#[derive(Clone, Copy)]
struct Tile {
    rows: usize,
    columns: usize,
}

impl Tile {
    /// Short sides get tiles that are not much longer than they are.
    fn of(gemm: &Gemm) -> Self {
        let each = |n: usize| if n <= 2 * SIDE { n.div_ceil(SIDE).max(1) } else { EACH };
        Tile { rows: each(gemm.m), columns: each(gemm.n) }
    }

    fn height(self) -> usize {
        self.rows * SIDE
    }

    fn width(self) -> usize {
        self.columns * SIDE
    }
}

/// The launch of a product.
pub(super) fn launch(name: &str, gemm: &Gemm) -> Result<Launch, Refusal> {
    let tile = Tile::of(gemm);
    let times: u64 = gemm.repeats.iter().map(|r| r.count as u64).product();
    let tiles = (gemm.m.div_ceil(tile.height()) * gemm.n.div_ceil(tile.width())) as u64;
    let shared = DEPTH * (tile.height() + 1 + tile.width() + 1) * 4;
    let grid = launch::blocks(name, tiles * times)?;
    Ok(Launch { grid, block: (SIDE * SIDE) as u32, shared: shared as u32, dynamic: 0, local: 0 })
}

/// The function, under a name. `wide`: with indices of 64 bits.
pub(super) fn print(name: &str, gemm: &Gemm, wide: bool) -> String {
    // Addresses may need 64 bits long before a row or column has so many elements.
    let long = gemm.m.max(gemm.n).max(gemm.k) > NARROW;
    let int = if long { "long long" } else { "int" };
    let tile = Tile::of(gemm);
    let (height, width) = (tile.height(), tile.width());
    let (down, across) = (gemm.m.div_ceil(height), gemm.n.div_ceil(width));
    let mut t = String::new();
    let times: usize = gemm.repeats.iter().map(|r| r.count).product();
    let often = if times == 1 { String::new() } else { format!(", {times} times") };
    let _ = writeln!(t, "// out[i, j] = sum of left[i, k] * right[k, j] over k{often}");
    let _ = writeln!(t, "// i: {}, j: {}, k: {}", gemm.m, gemm.n, gemm.k);
    let _ = writeln!(t, "// {} blocks, a tile of {height} x {width} each", down * across * times);
    let _ = writeln!(t, "extern \"C\" __global__ void __launch_bounds__({})", SIDE * SIDE);
    let _ = writeln!(t, "{name}(const float *__restrict__ left, const float *__restrict__ right,");
    let _ = writeln!(t, "    float *__restrict__ out) {{");
    let _ = writeln!(t, "  __shared__ float rows[{DEPTH}][{}], columns[{DEPTH}][{}];", height + 1, width + 1);
    let _ = writeln!(t, "  const int x = threadIdx.x % {SIDE}, y = threadIdx.x / {SIDE};");
    let repeated = !gemm.repeats.is_empty();
    let _ = writeln!(t, "  const {int} j0 = {};", place((1, across), width, down > 1 || repeated, long));
    let _ = writeln!(t, "  const {int} i0 = {};", place((across, down), height, repeated, long));
    offsets(&mut t, gemm, down * across, wide);
    let _ = writeln!(t, "  float sums[{}][{}] = {{}};", tile.rows, tile.columns);
    let _ = writeln!(t, "  for ({int} k0 = 0; k0 < {}; k0 += {DEPTH}) {{", gemm.k);
    load(
        &mut t,
        ("rows", "left", "i"),
        (gemm.left.row, gemm.left.column),
        (height, gemm.m),
        (gemm.k, int, wide),
    );
    load(
        &mut t,
        ("columns", "right", "j"),
        (gemm.right.column, gemm.right.row),
        (width, gemm.n),
        (gemm.k, int, wide),
    );
    let _ = writeln!(t, "    __syncthreads();");
    multiply(&mut t, tile);
    let _ = writeln!(t, "    __syncthreads();\n  }}");
    store(&mut t, gemm, tile, int, wide);
    t += "}\n";
    t
}

/// Where the tile of a block starts: the block is one of `count`, each of which stands for `below` blocks, and of more
/// than these if there is something `above`. There are never more blocks than 32 bits count, but rows.
fn place((below, count): (usize, usize), size: usize, above: bool, wide: bool) -> String {
    if count == 1 {
        return "0".into();
    }
    let below = if below == 1 { String::new() } else { format!(" / {below}") };
    let count = if above { format!(" % {count}") } else { String::new() };
    let block = format!("(int)blockIdx.x{below}{count}");
    if wide { format!("(long long)({block}) * {size}") } else { format!("{block} * {size}") }
}

/// Moves the pointers to the repeat of this block.
fn offsets(t: &mut String, gemm: &Gemm, tiles: usize, wide: bool) {
    let names = ["left", "right", "out"];
    let mut moves = vec![Vec::new(); 3];
    for (at, operand) in [gemm.left, gemm.right, gemm.out].iter().enumerate() {
        if operand.offset > 0 {
            moves[at].push(operand.offset.to_string());
        }
    }
    let mut below = tiles;
    for (r, repeat) in gemm.repeats.iter().enumerate().rev() {
        let outermost = r == 0;
        let count = if outermost { String::new() } else { format!(" % {}", repeat.count) };
        let by = if below == 1 { String::new() } else { format!(" / {below}") };
        let _ = writeln!(t, "  const int repeat{r} = (int)blockIdx.x{by}{count};");
        below *= repeat.count;
        for (at, stride) in repeat.strides.iter().enumerate().filter(|s| *s.1 != 0) {
            moves[at].push(address(&[(&format!("repeat{r}"), *stride)], wide));
        }
    }
    for (name, by) in names.iter().zip(moves).filter(|m| !m.1.is_empty()) {
        let _ = writeln!(t, "  {name} += {};", by.join(" + "));
    }
}

/// A tile of an operand; threads go along the side that lies in memory as it is.
fn load(
    t: &mut String,
    (to, from, v): (&str, &str, &str),
    (stride, step): (isize, isize),
    (size, end): (usize, usize),
    (k, int, wide): (usize, &str, bool),
) {
    let threads = SIDE * SIDE;
    let _ = writeln!(t, "    for (int e = threadIdx.x; e < {}; e += {threads}) {{", DEPTH * size);
    let (inner, depth) = if step == 1 {
        (format!("e / {DEPTH}"), format!("e % {DEPTH}"))
    } else {
        (format!("e % {size}"), format!("e / {size}"))
    };
    let _ = writeln!(t, "      const {int} {v} = {v}0 + {inner}, k = k0 + {depth};");
    let _ = writeln!(
        t,
        "      {to}[{depth}][{inner}] = {v} < {end} && k < {k} ? {from}[{}] : 0.0f;",
        address(&[(v, stride), ("k", step)], wide)
    );
    let _ = writeln!(t, "    }}");
}

fn address(terms: &[(&str, isize)], wide: bool) -> String {
    let cast = if wide { "(long long)" } else { "" };
    let text: Vec<String> = terms
        .iter()
        .filter(|t| t.1 != 0)
        .map(
            |(name, stride)| {
                if *stride == 1 { (*name).to_string() } else { format!("{cast}{name} * {stride}") }
            },
        )
        .collect();
    if text.is_empty() { "0".into() } else { text.join(" + ") }
}

fn multiply(t: &mut String, tile: Tile) {
    let Tile { rows, columns } = tile;
    *t += &format!(
        "    #pragma unroll
    for (int k = 0; k < {DEPTH}; k++) {{
      float a[{rows}], b[{columns}];
      #pragma unroll
      for (int r = 0; r < {rows}; r++) a[r] = rows[k][y + r * {SIDE}];
      #pragma unroll
      for (int c = 0; c < {columns}; c++) b[c] = columns[k][x + c * {SIDE}];
      #pragma unroll
      for (int r = 0; r < {rows}; r++)
        #pragma unroll
        for (int c = 0; c < {columns}; c++) sums[r][c] += a[r] * b[c];
    }}
"
    );
}

fn store(t: &mut String, gemm: &Gemm, tile: Tile, int: &str, wide: bool) {
    let Tile { rows, columns } = tile;
    let to = address(&[("i", gemm.out.row), ("j", gemm.out.column)], wide);
    *t += &format!(
        "  #pragma unroll
  for (int r = 0; r < {rows}; r++)
    #pragma unroll
    for (int c = 0; c < {columns}; c++) {{
      const {int} i = i0 + y + r * {SIDE}, j = j0 + x + c * {SIDE};
      if (i < {} && j < {}) out[{to}] = sums[r][c];
    }}
",
        gemm.m, gemm.n
    );
}
