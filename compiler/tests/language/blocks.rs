//! Blocks: names in the checkpoint, storage, buffers, blocks within themselves.

use crate::support::{assert_close, case, numbers, wave};

#[test]
fn names_are_the_path_unless_another_is_given() {
    let text = "import std.{linear}
      block Mlp(D) { fc1 = linear(D -> D)  fc2 = linear(D -> D) @name(\"net.2\")
        forward(x: [D]) -> [D] { fc2(relu(fc1(x))) } }
      block B(D) {
        blocks = Mlp(D) repeat 2
        head = Mlp(D) @name(\"\")
        param scale: [D] = ones @name(\"D\")
        forward(x: [D]) -> [D] { for b in blocks { x <- b(x) }; head(x) * scale }
      }";
    let compiled = case(text).item("B").dim("D", 2).compiled();
    let wanted = [
        "D",
        "blocks.0.fc1.weight",
        "blocks.0.fc1.bias",
        "blocks.0.net.2.weight",
        "blocks.0.net.2.bias",
        "blocks.1.fc1.weight",
        "blocks.1.fc1.bias",
        "blocks.1.net.2.weight",
        "blocks.1.net.2.bias",
        "fc1.weight",
        "fc1.bias",
        "net.2.weight",
        "net.2.bias",
    ];
    assert_eq!(compiled.names(), wanted);
    compiled.run(&[("x", &[1.0, 2.0])]);
}

#[test]
fn two_parameters_cannot_have_one_name() {
    let text = "import std.{linear}
      block B(D) { f = linear(D -> D) @name(\"a\")  g = linear(D -> D) @name(\"a\")
        forward(x: [D]) -> [D] { f(g(x)) } }";
    assert_eq!(case(text).dim("D", 2).codes(), ["A0104"]);
}

#[test]
fn stored_sizes_are_told_apart_from_axes() {
    let text = "import std.{linear}
      block B(C, P, D) {
        dims T = 3
        f = linear((C, P) -> D) @stored(weight: [D, C, P])
        buffer table: [T, D] = broadcast(iota(T), D) @stored([1, T, D])
        param w: [D, (C, P)] = ones
        forward(x: [C, P]) -> [T, D] { f(x) + table + sum(w, over: (C, P)) }
      }";
    let compiled = case(text).dim("C", 2).dim("P", 3).dim("D", 4).compiled();
    assert_eq!(compiled.parameter("f.weight").stored, [4, 2, 3]);
    assert_eq!(compiled.parameter("table").stored, [1, 3, 4]);
    assert_eq!(compiled.parameter("w").stored, [4, 6]);
    assert!(!compiled.parameter("table").trained && !compiled.parameter("table").decay);
    assert_close(compiled.first("table"), &numbers(12, |i| (i / 4) as f64));
}

#[test]
fn one_parameter_used_twice_is_one_parameter() {
    let text = "block B(D) { param w: [D] = ones  forward(x: [D]) -> [D] { w * x + w } }";
    let compiled = case(text).dim("D", 2).compiled();
    assert_eq!(compiled.names(), ["w"]);
    assert_close(&compiled.run(&[("x", &[1.0, 2.0]), ("w", &[3.0, 4.0])]).outputs[0].1.data, &[6.0, 12.0]);
}

#[test]
fn a_layer_may_go_through_a_block_that_shares_it() {
    // A block that is called twice at two shapes has its weights once.
    let text = "import std.{linear}
      block Pool(D) { f = linear(D -> D, bias: false)  forward(x: [T, D]) -> [D] { f(mean(x, over: T)) } }
      block B(D) { p = Pool(D)  forward(x: [S, D], y: [R, D]) -> [D] { p(x) + p(y) } }";
    let compiled = case(text).item("B").dim("D", 1).dim("S", 2).dim("R", 3).compiled();
    assert_eq!(compiled.names(), ["p.f.weight"]);
    let found = compiled.run(&[("x", &[1.0, 3.0]), ("y", &[1.0, 2.0, 6.0]), ("p.f.weight", &[10.0])]);
    assert_close(&found.outputs[0].1.data, &[50.0]);
}

const LEVELS: &str = "
  block conv(C, H, W, K -> O, P, Q) {
    config stride: int = 1
    dims L = K
    param weight: [O, C, K, L] = ones
    forward(x: [C, H, W]) -> [O, P, Q] {
      let w = window(x, H -> (P, K), left: 1, right: 1, stride: stride)
      let w = window(w, W -> (Q, L), left: 1, right: 1, stride: stride)
      sum(w * weight, over: (C, K, L))
    }
  }
  fn doubled(x: [H, W], rows: axis P, columns: axis Q) -> [P, Q] {
    dims A = P / H, B = Q / W
    flatten(broadcast(x, A, B), (H, A) -> P, (W, B) -> Q)
  }
  block Level(C, H, W) {
    config level: int
    dims E = 2 * C, P = H / 2, Q = W / 2, K = 3
    down = conv(C, H, W, K -> E, P, Q, stride: 2)
    inner = if level > 0 { Level(E, P, Q, level: level - 1) }
    up = conv(E, H, W, K -> C, H, W)
    forward(x: [C, H, W]) -> [C, H, W] {
      let y = down(x)
      let y = if level > 0 { inner(y) } else { y }
      x + up(doubled(y, rows: H, columns: W, H: P, W: Q))
    }
  }";

/// A convolution by hand: sums of 3x3 neighbourhoods over all channels, zeros beyond the edges.
fn sums(x: &[Vec<f64>], size: usize, stride: usize) -> Vec<f64> {
    let out = size / stride;
    let mut y = vec![0.0; out * out];
    for (at, total) in y.iter_mut().enumerate() {
        for (dh, dw) in (0..9).map(|k| (k / 3, k % 3)) {
            let (h, w) = (at / out * stride + dh, at % out * stride + dw);
            if (1..=size).contains(&h) && (1..=size).contains(&w) {
                *total += x.iter().map(|c| c[(h - 1) * size + w - 1]).sum::<f64>();
            }
        }
    }
    y
}

fn level(x: &[Vec<f64>], size: usize, depth: usize) -> Vec<Vec<f64>> {
    let half = size / 2;
    let mut y = vec![sums(x, size, 2); 2 * x.len()];
    if depth > 0 {
        y = level(&y, half, depth - 1);
    }
    let wide: Vec<Vec<f64>> =
        y.iter().map(|c| numbers(size * size, |i| c[i / size / 2 * half + i % size / 2])).collect();
    let back = sums(&wide, size, 1);
    x.iter().map(|c| c.iter().zip(&back).map(|(a, b)| a + b).collect()).collect()
}

#[test]
fn a_u_is_a_block_around_a_smaller_one() {
    let case = case(LEVELS).item("Level").dim("C", 1).dim("H", 8).dim("W", 8).set("level", "2");
    let compiled = case.compiled();
    assert_eq!(compiled.names().last(), Some(&"up.weight"));
    assert_eq!(compiled.parameter("inner.inner.down.weight").stored, [8, 4, 3, 3]);
    let x = wave(64);
    let found = compiled.run(&[("x", &x)]);
    assert_close(&found.outputs[0].1.data, &level(&[x], 8, 2)[0]);
}

#[test]
fn a_block_within_itself_without_end_is_an_error() {
    let endless =
        LEVELS.replace("level: level - 1", "level: level").replace("E, P, Q, level", "C, H, W, level");
    let case = case(&endless).item("Level").dim("C", 1).dim("H", 8).dim("W", 8).set("level", "2");
    assert_eq!(case.codes(), ["A0404"]);
}

#[test]
fn initial_values_are_what_they_are_called() {
    let text = "import std.{linear}
      block B(D) {
        dims F = 4
        param a: [D, F] = normal(0.5)
        param b: [F] = log(1 + iota(F))
        param c: [F] = uniform(0.1)
        param d: [F, D] = xavier_uniform
        param e: [F] = max(log_uniform(0.001, 0.1), 0.01)
        param g: [D] = trunc_normal(2.0)
        param h: [D] = 3
        f = linear(D -> F, init: zeros, bias_init: uniform(F ^ -0.5))
        forward(x: [D]) -> [F] {
          f(x) + sum(a * x, over: D) + b + c + e + sum(d * (x + g + h), over: D)
        }
      }";
    let compiled = case(text).dim("D", 500).compiled();
    let all =
        |name: &str, f: &dyn Fn(f64) -> bool| assert!(compiled.first(name).iter().all(|x| f(*x)), "{name}");
    let spread = |name: &str| {
        let x = compiled.first(name);
        (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).sqrt()
    };
    assert!((spread("a") - 0.5).abs() < 0.05);
    assert_close(compiled.first("b"), &numbers(4, |i| (1.0 + i as f64).ln()));
    all("c", &|x| x.abs() <= 0.1);
    let bound = (6.0f64 / 504.0).sqrt();
    all("d", &|x| x.abs() <= bound);
    assert!((spread("d") - bound / 3f64.sqrt()).abs() < 0.01);
    all("e", &|x| (0.01..0.1).contains(&x));
    all("g", &|x| x.abs() <= 4.0);
    all("h", &|x| x == 3.0);
    all("f.weight", &|x| x == 0.0);
    all("f.bias", &|x| x.abs() <= 0.5 && x != 0.0);
}

#[test]
fn what_is_never_used_is_said() {
    let text = "import std.{linear}
      block B(D) { f = linear(D -> D)  param w: [D] = ones
        forward(x: [D], y: [D], _z: [D]) -> [D] { x } }";
    let mut codes = case(text).dim("D", 2).codes();
    codes.sort_unstable();
    assert_eq!(codes, ["A0901", "A0902", "A0903"]);
}

#[test]
fn the_name_of_an_axis_list_is_the_number_of_its_elements() {
    let text = "block fill(I.. -> O..) {
        param weight: [O.., I..] = I + 10 * O
        forward(x: [I..]) -> [O..] { sum(weight * x, over: I) / I }
      }
      block Both(A, B, C) {
        layer = fill((A, B) -> C)
        forward(x: [A, B]) -> [C] { layer(x) }
      }";
    let case = crate::support::case(text).item("Both").dim("A", 2).dim("B", 3).dim("C", 4);
    crate::support::assert_close(&case.run(&[("x", &[1.0; 6])]), &[46.0; 4]);
}
