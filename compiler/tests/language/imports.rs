//! Imports: std, the zoo, relative files, renames, cycles.

use crate::support::{assert_close, case};

#[test]
fn std_and_the_zoo_are_at_hand() {
    let text = "import std.{linear as affine, rms_norm}
      import zoo.dit.{modulate}
      block B(D) { f = affine(D -> D, bias: false)  n = rms_norm(D, affine: false, eps: 0.0)
        forward(x: [D]) -> [D] { modulate(n(f(x)), 1, 2) } }";
    let found = case(text).dim("D", 1).run(&[("x", &[5.0]), ("f.weight", &[3.0])]);
    assert_close(&found, &[4.0]);
}

#[test]
fn relative_files_see_each_other() {
    let shapes = "import ./maths.{twice}
      block Doubler(D) { forward(x: [D]) -> [D] { twice(x) } }";
    let maths = "fn twice(x) = thrice(x) - x  fn thrice(x) = 3 * x";
    let text = "import ./shapes.{Doubler as Two}
      fn twice(x) = 100 * x
      block B(D) { d = Two(D)  forward(x: [D]) -> [D] { d(x) + twice(x) } }";
    let maths = maths.replace("  fn", "\nfn");
    let case = case(text).item("B").dim("D", 1).file("./shapes", shapes).file("./maths", &maths);
    assert_close(&case.run(&[("x", &[1.0])]), &[102.0]);
}

#[test]
fn files_may_import_each_other() {
    let a = "import ./b.{g}\nfn f(x, n: int) = if n == 0 { x } else { g(x, n - 1) }";
    let b = "import ./a.{f}\nfn g(x, n: int) = 2 * f(x, n)";
    let text = "import ./a.{f}\nblock B(D) { forward(x: [D]) -> [D] { f(x, 3) } }";
    let case = case(text).dim("D", 1).file("./a", a).file("./b", b);
    assert_close(&case.run(&[("x", &[1.0])]), &[8.0]);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let block = "block B(D) { forward(x: [D]) -> [D] { x } }";
    let codes = |import: &str| case(&format!("{import}\n{block}")).dim("D", 1).codes();
    assert_eq!(codes("import std.{linaer}"), ["A0103"]);
    assert_eq!(codes("import zoo.dti.{DiT}"), ["A0102"]);
    assert_eq!(codes("import ./missing.{x}"), ["A0102"]);
    assert_eq!(codes("import elsewhere.{x}"), ["A0102"]);
    assert_eq!(codes("import std.{linear as B}"), ["A0104"]);
}

#[test]
fn only_what_a_file_defines_can_be_imported_from_it() {
    let text = "import ./a.{linear}\nblock B(D) { forward(x: [D]) -> [D] { x } }";
    let case = case(text).dim("D", 1).file("./a", "import std.{linear}\nfn f(x) = x");
    assert_eq!(case.codes(), ["A0103"]);
}
