//! Random well-typed programs as texts.

use super::generator::Numbers;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The axes of all programs. `S` is as long as `T`, so that one can be renamed to the other.
const AXES: [&str; 4] = ["T", "S", "D", "N"];
/// What every program is given: name, axes, how large its numbers are.
const INPUTS: [(&str, &str); 4] = [("x", "T D"), ("u", "D"), ("b", "T N"), ("z", "T D")];
const PARAMETERS: [(&str, &str); 4] = [("w", "D N"), ("p", "D"), ("n", "N"), ("table", "CLASSES D")];
/// Larger numbers are tamed, so that rounding errors stay what they are.
const LARGEST: f64 = 4.0;

pub type Axes = BTreeSet<&'static str>;

/// A statement: a text in which `{0}`, `{1}`, … stand for its operands and `{i}` for its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    text: String,
    pub operands: Vec<usize>,
    axes: Axes,
    /// No element is larger.
    bound: f64,
}

/// A program: sizes and statements. Values are numbered, those that are given first.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub sizes: [usize; 3],
    pub statements: Vec<Statement>,
    pub outputs: Vec<usize>,
}

fn axes(text: &'static str) -> Axes {
    text.split_whitespace().collect()
}

/// Values that statements can read: the table is only looked up.
pub fn given() -> Vec<(&'static str, Axes)> {
    let all = INPUTS.iter().chain(&PARAMETERS[..3]);
    all.map(|(name, of)| (*name, axes(of))).collect()
}

impl Program {
    /// The program of a seed.
    pub fn random(seed: u64) -> Program {
        let mut numbers = Numbers(seed * 104_729 + 7);
        let lengths = [1, 2, 3, 5, 8, 9, 17];
        let mut size = |most: usize| lengths[numbers.below(most)];
        let sizes = [size(7), size(7), size(5)];
        let mut maker =
            Maker { numbers, program: Program { sizes, statements: Vec::new(), outputs: Vec::new() } };
        let wanted = 3 + maker.numbers.below(9);
        let mut tries = 0;
        while maker.program.statements.len() < wanted && tries < 200 {
            tries += 1;
            maker.step();
        }
        let mut program = maker.program;
        let last = program.count() - 1;
        program.outputs = vec![last, last - 1];
        program.pruned()
    }

    fn count(&self) -> usize {
        given().len() + self.statements.len()
    }

    /// The axes of a value.
    pub fn axes(&self, value: usize) -> Axes {
        let given = given();
        given.get(value).map_or_else(|| self.statements[value - given.len()].axes.clone(), |g| g.1.clone())
    }

    fn name(value: usize) -> String {
        let given = given();
        given.get(value).map_or_else(|| format!("v{}", value - given.len()), |g| g.0.to_string())
    }

    /// Without the statements that no result needs.
    pub fn pruned(&self) -> Program {
        let first = given().len();
        let mut needed = vec![false; self.count()];
        self.outputs.iter().for_each(|v| needed[*v] = true);
        for at in (0..self.statements.len()).rev() {
            if needed[first + at] {
                self.statements[at].operands.iter().for_each(|v| needed[*v] = true);
            }
        }
        let mut number = 0;
        let numbers: Vec<usize> = needed
            .iter()
            .enumerate()
            .map(|(value, needed)| {
                number += usize::from(*needed || value < first);
                number.saturating_sub(1)
            })
            .collect();
        let moved = |values: &[usize]| values.iter().map(|v| numbers[*v]).collect();
        let kept = self.statements.iter().enumerate().filter(|(at, _)| needed[first + at]);
        let statements = kept.map(|(_, s)| Statement { operands: moved(&s.operands), ..s.clone() }).collect();
        Program { sizes: self.sizes, statements, outputs: moved(&self.outputs) }
    }

    /// The text of a model.
    pub fn text(&self) -> String {
        let [t, d, n] = self.sizes;
        let body: Vec<String> = self.statements.iter().enumerate().map(|(i, s)| s.shown(i)).collect();
        let results: Vec<String> = self.outputs.iter().map(|v| Program::name(*v)).collect();
        let words = format!("{}\n{}", body.join("\n"), results.join(" "));
        let used = |name: &str| words.split(|c: char| !c.is_alphanumeric()).any(|w| w == name);
        let list = |of: &str| of.replace(' ', ", ");
        let mut text = String::from("edition 2026\n\nmodel Random {\n");
        let _ = writeln!(text, "  dims T = {t}, S = {t}, D = {d}, N = {n}, K = 3, CLASSES = 3, TT = T ++ T");
        for (name, of) in PARAMETERS.into_iter().filter(|p| used(p.0)) {
            let _ = writeln!(text, "  param {name}: [{}] = zeros", list(of));
        }
        let mut inputs: Vec<String> = INPUTS
            .into_iter()
            .filter(|i| used(i.0))
            .map(|(name, of)| format!("{name}: [{}]", list(of)))
            .collect();
        if used("y") {
            inputs.push("y: [] int".into());
        }
        let shape = |v: &usize| list(&self.axes(*v).into_iter().collect::<Vec<_>>().join(" "));
        let results_of: Vec<String> =
            self.outputs.iter().enumerate().map(|(i, v)| format!("o{i}: [{}]", shape(v))).collect();
        let _ = writeln!(text, "\n  forward({}) -> ({}) {{", inputs.join(", "), results_of.join(", "));
        for line in body {
            let _ = writeln!(text, "    {line}");
        }
        let _ = writeln!(text, "    ({})\n  }}\n}}", results.join(", "));
        text
    }
}

impl Statement {
    fn shown(&self, number: usize) -> String {
        let mut text = self.text.replace("{i}", &number.to_string());
        for (at, operand) in self.operands.iter().enumerate() {
            text = text.replace(&format!("{{{at}}}"), &Program::name(*operand));
        }
        format!("let v{number} = {text}")
    }
}

struct Maker {
    numbers: Numbers,
    program: Program,
}

impl Maker {
    fn any(&mut self) -> usize {
        // Later values are more likely, so that programs become deep.
        let count = self.program.count();
        let (first, second) = (self.numbers.below(count), self.numbers.below(count));
        first.max(second)
    }

    /// A value of which the axes are so.
    fn with(&mut self, fits: impl Fn(&Axes) -> bool) -> Option<usize> {
        let all: Vec<usize> = (0..self.program.count()).filter(|v| fits(&self.program.axes(*v))).collect();
        (!all.is_empty()).then(|| {
            let (a, b) = (self.numbers.below(all.len()), self.numbers.below(all.len()));
            all[a.max(b)]
        })
    }

    fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.numbers.below(texts.len())]
    }

    fn bound(&self, value: usize) -> f64 {
        value.checked_sub(given().len()).map_or(1.0, |at| self.program.statements[at].bound)
    }

    fn size(&self, axis: &str) -> usize {
        let [t, d, n] = self.program.sizes;
        match axis {
            "D" => d,
            "N" => n,
            _ => t,
        }
    }

    /// Adds a statement; `bound` says how large its elements may be.
    fn push(&mut self, text: impl Into<String>, operands: &[usize], axes: Axes, bound: f64) {
        if axes.iter().map(|a| self.size(a)).product::<usize>() > 3000 || axes.len() > 3 {
            return;
        }
        let text = text.into();
        let tamed = bound > LARGEST;
        let text = if tamed { format!("tanh({text})") } else { text };
        let bound = if tamed { 1.0 } else { bound };
        self.program.statements.push(Statement { text, operands: operands.to_vec(), axes, bound });
    }

    fn axis(&mut self, of: usize) -> Option<&'static str> {
        let axes: Vec<&'static str> = self.program.axes(of).into_iter().collect();
        (!axes.is_empty()).then(|| axes[self.numbers.below(axes.len())])
    }

    fn step(&mut self) {
        match self.numbers.below(16) {
            0 | 1 => self.unary(),
            2..=4 => self.binary(),
            5 => self.reduction(),
            6 => self.norm(),
            7 | 8 => self.contraction(),
            9 | 10 => self.view(),
            11..=13 => self.scan(),
            14 => self.attention(),
            _ => self.lookup(),
        }
    }

    fn unary(&mut self) {
        let a = self.any();
        let (axes, bound) = (self.program.axes(a), self.bound(a));
        let bounded = ["tanh({0})", "sigmoid({0})", "sin({0})", "cos({0})", "erf({0})", "exp(-abs({0}))"];
        let growing = ["silu({0})", "gelu({0})", "relu({0})", "abs({0})", "-{0}", "0.5 * {0} + 0.25"];
        match self.numbers.below(3) {
            0 => {
                let text = self.pick(&growing);
                self.push(text, &[a], axes, bound + 0.25);
            }
            1 => {
                let text = self.pick(&["softplus({0})", "log(1 + {0} * {0})", "sqrt(0.5 + {0} * {0})"]);
                self.push(text, &[a], axes, bound + 0.75);
            }
            _ => {
                let text = self.pick(&bounded);
                self.push(text, &[a], axes, 1.0);
            }
        }
    }

    fn binary(&mut self) {
        let (a, b) = (self.any(), self.any());
        let (of_a, of_b) = (self.program.axes(a), self.program.axes(b));
        let (bound_a, bound_b) = (self.bound(a), self.bound(b));
        let both: Axes = of_a.union(&of_b).copied().collect();
        if !of_a.is_superset(&of_b) && !of_b.is_superset(&of_a) {
            return self.push("{0} * {1}", &[a, b], both, bound_a * bound_b);
        }
        match self.numbers.below(8) {
            0..=2 => self.push("{0} * {1}", &[a, b], both, bound_a * bound_b),
            3 => self.push("{0} + {1}", &[a, b], both, bound_a + bound_b),
            4 => self.push("{0} - {1}", &[a, b], both, bound_a + bound_b),
            5 => self.push("{0} / (1 + {1} * {1})", &[a, b], both, bound_a),
            6 => {
                let text = self.pick(&["max({0}, {1})", "min({0}, {1})"]);
                self.push(text, &[a, b], both, bound_a.max(bound_b));
            }
            // Only what is given is compared: the same numbers in every form.
            _ if both.contains("T") && both.contains("D") => {
                self.push("where(x < z, {0}, {1})", &[a, b], both, bound_a.max(bound_b));
            }
            _ => {}
        }
    }

    fn reduction(&mut self) {
        let a = self.any();
        let Some(axis) = self.axis(a) else { return };
        let (mut axes, bound) = (self.program.axes(a), self.bound(a));
        if self.numbers.below(3) == 0 {
            return self.push(format!("softmax({{0}}, over: {axis})"), &[a], axes, 1.0);
        }
        axes.remove(axis);
        let kind = self.pick(&["sum", "mean", "max", "min"]);
        let bound = if kind == "sum" { bound * self.size(axis) as f64 } else { bound };
        self.push(format!("{kind}({{0}}, over: {axis})"), &[a], axes, bound);
    }

    fn norm(&mut self) {
        let a = self.any();
        let Some(axis) = self.axis(a) else { return };
        let axes = self.program.axes(a);
        let text = match self.numbers.below(3) {
            0 => format!("{{0}} / sqrt(mean({{0}} * {{0}}, over: {axis}) + 0.1)"),
            1 => format!(
                "({{0}} - mean({{0}}, over: {axis})) / \
                 sqrt(mean(({{0}} - mean({{0}}, over: {axis})) ^ 2, over: {axis}) + 0.1)"
            ),
            _ => format!(
                "({{0}} - mean({{0}}, over: {axis})) / \
                 sqrt(mean({{0}} * {{0}}, over: {axis}) - mean({{0}}, over: {axis}) ^ 2 + 0.1)"
            ),
        };
        self.push(text, &[a], axes, 4.0);
    }

    fn contraction(&mut self) {
        let a = self.any();
        let Some(axis) = self.axis(a) else { return };
        let Some(b) = self.with(|axes| axes.contains(axis)) else { return };
        let mut axes: Axes = self.program.axes(a).union(&self.program.axes(b)).copied().collect();
        axes.remove(axis);
        let bound = self.bound(a) * self.bound(b) * self.size(axis) as f64;
        self.push(format!("sum({{0}} * {{1}}, over: {axis})"), &[a, b], axes, bound);
    }

    fn view(&mut self) {
        let a = self.any();
        let Some(axis) = self.axis(a) else { return };
        let (axes, bound) = (self.program.axes(a), self.bound(a));
        let size = self.size(axis);
        let without = |axis: &str| axes.iter().copied().filter(|a| *a != axis).collect::<Axes>();
        match self.numbers.below(10) {
            0 => self.push(format!("flip({{0}}, {axis})"), &[a], axes, bound),
            1 => self.push(format!("shift({{0}}, {axis}, by: 1, fill: 0)"), &[a], axes, bound),
            2 => {
                let at = self.numbers.below(size);
                self.push(format!("{{0}}[{axis}: {at}]"), &[a], without(axis), bound);
            }
            3 => {
                let text = format!("mean(window({{0}}, {axis} -> ({axis}, K), left: 1, right: 1), over: K)");
                self.push(text, &[a], axes, bound);
            }
            4 => {
                let order =
                    self.pick(&["({A} - 1 - iota({A}))", "((iota({A}) + 1) % {A})"]).replace("{A}", axis);
                let text = format!("rename(permute({{0}}, {axis} -> Z{{i}}, {order}), Z{{i}} -> {axis})");
                self.push(text, &[a], axes, bound);
            }
            5 if axes.contains("T") && !axes.contains("S") => {
                let mut axes = without("T");
                axes.insert("S");
                self.push("rename({0}, T -> S)", &[a], axes, bound);
            }
            6 if axes.contains("S") && !axes.contains("T") => {
                let mut axes = without("S");
                axes.insert("T");
                self.push("rename({0}, S -> T)", &[a], axes, bound);
            }
            7 => {
                let Some(b) = self.with(|other| *other == axes && axes.contains("T")) else { return };
                let (from, bound) = (self.numbers.below(self.size("T") + 1), bound.max(self.bound(b)));
                let text = format!(
                    "rename(concat({{0}}, {{1}}, into: TT)[TT: {from}..{} -> Z{{i}}], Z{{i}} -> T)",
                    from + self.size("T")
                );
                self.push(text, &[a, b], axes, bound);
            }
            8 => {
                let Some(other) = axes.iter().copied().find(|o| *o != axis) else { return };
                let (one, two) = (format!("({axis}, {other})"), format!("({other}, {axis})"));
                let text = format!("unflatten(softplus(flatten({{0}}, {one} -> F{{i}})), F{{i}} -> {two})");
                if self.size(axis) == self.size(other) {
                    self.push(text, &[a], axes, bound + 0.75);
                }
            }
            _ => {
                let Some(new) = AXES.into_iter().find(|n| !axes.contains(n)) else { return };
                let mut axes = axes;
                axes.insert(new);
                self.push(format!("broadcast({{0}}, {new})"), &[a], axes, bound);
            }
        }
    }

    fn scan(&mut self) {
        let Some(a) = self.with(|axes| axes.contains("T")) else { return };
        let mut carry = self.program.axes(a);
        carry.remove("T");
        let fits = carry.clone();
        let fits =
            move |axes: &Axes| axes.contains("T") && axes.iter().all(|x| *x == "T" || fits.contains(x));
        let b = self.with(fits).unwrap_or(a);
        let shape: Vec<&str> = carry.iter().copied().collect();
        let shape = shape.join(", ");
        let direction = self.pick(&["", "reverse "]);
        let (axes, bound) = (self.program.axes(a), self.bound(a));
        let norm = carry.iter().next().map_or(String::from("h"), |x| format!("h - mean(h, over: {x})"));
        let steps = match self.numbers.below(7) {
            0 => format!("(h: [{shape}] = 0) {{ h <- 0.5 * h + {{0}}[t]; yield h }}"),
            1 => {
                format!("(h: [{shape}] = 0) {{ h <- sigmoid({{1}}[t]) * h + {{0}}[t]; yield h * {{1}}[t] }}")
            }
            2 => format!("(h: [{shape}] = 0.5) {{ h <- tanh(h + {{0}}[t]); yield h }}"),
            3 => format!(
                "(h: [{shape}] = 0, g: [{shape}] = 1) {{ h <- 0.5 * g + {{0}}[t]; g <- 0.25 * h - {{1}}[t]; yield h * g }}"
            ),
            4 => format!(
                "(h: [{shape}] = 0) {{ h <- tanh({norm} + {{0}}[t]); yield h + {{0}}[t - 1 else 0] }}"
            ),
            5 => format!(
                "(h: [{shape}] = 0) {{ let d = exp(-softplus({{1}}[t])); h <- d * h + {{0}}[t]; yield d * h }}"
            ),
            _ => return self.selective(direction),
        };
        self.push(
            format!("scan t over {direction}T {steps}"),
            &[a, b],
            axes,
            8.0 * (bound + self.bound(b)) + 4.0,
        );
    }

    /// A recurrence with a state for each of `N`, and a final.
    fn selective(&mut self, direction: &str) {
        let Some(a) = self.with(|of| *of == axes("T D")) else { return };
        let Some(b) = self.with(|of| *of == axes("T N")) else { return };
        let steps = "(h: [D, N] = 0) { h <- exp(-softplus({0}[t])) * h + {0}[t] * {1}[t]; yield sum(h * {1}[t], over: N) }";
        self.push(format!("scan t over {direction}T {steps}"), &[a, b], axes("T D"), 100.0);
    }

    fn attention(&mut self) {
        let of = |of: &Axes| *of == axes("T D");
        let (Some(q), Some(k), Some(v)) = (self.with(of), self.with(of), self.with(of)) else { return };
        let scores = "sum({0} * rename({1}, T -> S), over: D) / 2";
        let text = format!("sum(softmax({scores}, over: S) * rename({{2}}, T -> S), over: S)");
        let bound = self.bound(v);
        self.push(text, &[q, k, v], axes("T D"), bound);
    }

    fn lookup(&mut self) {
        let Some(a) = self.with(|axes| axes.contains("D")) else { return };
        let (axes, bound) = (self.program.axes(a), self.bound(a));
        let text = self.pick(&["{0} * table[CLASSES: y]", "{0} + table[CLASSES: y]"]);
        self.push(text, &[a], axes, bound + 1.0);
    }
}
