//! Matrix products in CUDA: a block computes a tile of the result from tiles of both operands in shared memory, with the
//! sums of each thread in its registers; what follows the product is computed of these.

use super::Printer;
use super::product::{Cut, DEPTH, Product, SIDE, THREADS, count};
use crate::ir::{Index, Loop};

impl Printer<'_> {
    /// What a block is for.
    pub(super) fn tiles_line(&mut self, product: &Product<'_>) {
        let cut = Cut::of(product);
        let axis = |l: &Loop| format!("{}: {}", self.names.var(l.var), count(l));
        let sides = [product.row, product.column].map(axis).join(", ");
        let over = axis(product.term);
        let times: Vec<String> = product.repeats.iter().map(|l| axis(l)).collect();
        let often =
            if times.is_empty() { String::new() } else { format!(" for each of {}", times.join(", ")) };
        self.line(&format!("// {sides}, summed over {over}{often}"));
        let (blocks, height, width) = (product.tiles(cut), cut.height(), cut.width());
        self.line(&format!("// {blocks} blocks for tiles of {height} x {width}, {THREADS} threads a block"));
    }

    /// The statements of a block.
    pub(super) fn tile(&mut self, product: &Product<'_>) {
        let cut = Cut::of(product);
        // Addresses may need 64 bits long before a row or column has so many elements.
        self.names.wide_vars = self.wide && !product.is_long();
        let int = self.coordinate();
        let (height, width) = (cut.height() + 1, cut.width() + 1);
        self.line(&format!("__shared__ float rows[{DEPTH}][{height}], columns[{DEPTH}][{width}];"));
        self.line(&format!("const int x = threadIdx.x % {SIDE}, y = threadIdx.x / {SIDE};"));
        self.places(product, cut);
        self.line(&format!("float sums[{}][{}] = {{}};", cut.rows, cut.columns));
        let terms = count(product.term);
        self.line(&format!("for ({int} term0 = 0; term0 < {terms}; term0 += {DEPTH}) {{"));
        self.lines.indent += 1;
        self.load(product, ("rows", cut.height()), ("row0", product.row), product.factors[0]);
        self.load(product, ("columns", cut.width()), ("column0", product.column), product.factors[1]);
        self.line("__syncthreads();");
        self.multiply(cut);
        self.line("__syncthreads();");
        self.lines.indent -= 1;
        self.line("}");
        self.follow(product, cut);
    }

    /// The type of rows, columns and terms.
    fn coordinate(&self) -> &'static str {
        if self.wide && !self.names.wide_vars { "long long" } else { "int" }
    }

    /// Where the tile of this block begins, and which of the repeats it belongs to. Neighbouring blocks have
    /// neighbouring columns.
    fn places(&mut self, product: &Product<'_>, cut: Cut) {
        let int = self.coordinate();
        let block = if int == "long long" { "(long long)blockIdx.x" } else { "blockIdx.x" };
        let [down, across] = product.sides(cut);
        let sides = [("column0".to_string(), across, cut.width()), ("row0".to_string(), down, cut.height())];
        let repeats = product.repeats.iter().rev().map(|l| (self.names.var(l.var), count(l), 1));
        let all: Vec<(String, i64, i64)> = sides.into_iter().chain(repeats).collect();
        let mut below = 1;
        for (i, (name, count, size)) in all.iter().enumerate() {
            let by = if below == 1 { String::new() } else { format!(" / {below}") };
            let rest = if i + 1 < all.len() { format!(" % {count}") } else { String::new() };
            let size = if *size == 1 { String::new() } else { format!(" * {size}") };
            let place = if *count == 1 { "0".into() } else { format!("{block}{by}{rest}{size}") };
            self.line(&format!("const {int} {name} = {place};"));
            below *= count;
        }
    }

    /// A tile of an operand; threads go along the side that lies in memory as it is.
    fn load(
        &mut self,
        product: &Product<'_>,
        (to, size): (&str, i64),
        (start, side): (&str, &Loop),
        (arg, index): (u32, &Index),
    ) {
        let (v, k) = (self.names.var(side.var), self.names.var(product.term.var));
        let (inner, depth) = if index.stride(product.term.var) == Some(1) {
            (format!("at / {DEPTH}"), format!("at % {DEPTH}"))
        } else {
            (format!("at % {size}"), format!("at / {size}"))
        };
        self.line(&format!("for (int at = threadIdx.x; at < {}; at += {THREADS}) {{", DEPTH * size));
        self.lines.indent += 1;
        self.line(&format!("const {} {v} = {start} + {inner}, {k} = term0 + {depth};", self.coordinate()));
        // Where tiles end with the operand, nothing lies behind it.
        let ends = [(&v, count(side), size), (&k, count(product.term), DEPTH)];
        let inside: Vec<String> =
            ends.iter().filter(|(_, n, by)| n % by != 0).map(|(v, n, _)| format!("{v} < {n}")).collect();
        let element = format!("a{arg}[{}]", self.index(index));
        let value = match inside.is_empty() {
            true => element,
            false => format!("{} ? {element} : 0.0f", inside.join(" && ")),
        };
        self.line(&format!("{to}[{depth}][{inner}] = {value};"));
        self.lines.indent -= 1;
        self.line("}");
    }

    fn multiply(&mut self, cut: Cut) {
        let Cut { rows, columns } = cut;
        let lines = [
            "#pragma unroll".to_string(),
            format!("for (int at = 0; at < {DEPTH}; at++) {{"),
            format!("  float left[{rows}], right[{columns}];"),
            "  #pragma unroll".to_string(),
            format!("  for (int down = 0; down < {rows}; down++) left[down] = rows[at][y + down * {SIDE}];"),
            "  #pragma unroll".to_string(),
            format!(
                "  for (int across = 0; across < {columns}; across++) right[across] = columns[at][x + across * {SIDE}];"
            ),
            "  #pragma unroll".to_string(),
            format!("  for (int down = 0; down < {rows}; down++)"),
            "    #pragma unroll".to_string(),
            format!(
                "    for (int across = 0; across < {columns}; across++) sums[down][across] += left[down] * right[across];"
            ),
            "}".to_string(),
        ];
        lines.iter().for_each(|line| self.line(line));
    }

    /// What is computed of the sums, for each element of this thread.
    fn follow(&mut self, product: &Product<'_>, cut: Cut) {
        let [always, of_column, of_element] = &product.follows;
        always.iter().for_each(|s| self.stmt(s));
        self.each(("across", cut.columns), ("column0 + x", product.column));
        of_column.iter().for_each(|s| self.stmt(s));
        self.each(("down", cut.rows), ("row0 + y", product.row));
        let line = format!("const float {} = sums[down][across];", self.names.give(product.sum));
        self.line(&line);
        of_element.iter().for_each(|s| self.stmt(s));
        for _ in 0..2 {
            self.lines.indent -= 1;
            self.line("}");
        }
    }

    /// Opens the loop over the columns or rows of a thread; those behind the end are passed over.
    fn each(&mut self, (at, times): (&str, i64), (start, side): (&str, &Loop)) {
        let v = self.names.var(side.var);
        self.line("#pragma unroll");
        self.line(&format!("for (int {at} = 0; {at} < {times}; {at}++) {{"));
        self.lines.indent += 1;
        self.line(&format!("const {} {v} = {start} + {at} * {SIDE};", self.coordinate()));
        if count(side) % (times * SIDE) != 0 {
            self.line(&format!("if ({v} >= {}) continue;", count(side)));
        }
    }
}
