//! Pictures of scan orders, and what they cost.

mod common;

use common::{Ran, command, folder, root, run};

fn orders(words: &str) -> Ran {
    let mut dev = command("dev --stage orders --preset digits");
    dev.arg(root().join("models/mamba.arch")).args(["--item", "DiMamba"]).args(words.split_whitespace());
    run(&mut dev).fine()
}

#[test]
fn tables_say_at_which_step_a_cell_is_visited() {
    let said = orders("--set order=zigzag --set paths=2").stdout;
    let wanted = "order 1 of 2: 4 x 4, of scan 1, 3, 5
   0  1  2  3
   7  6  5  4
   8  9 10 11
  15 14 13 12
order 2 of 2: 4 x 4, of scan 2, 4, 6
   0  7  8 15
   1  6  9 14
   2  5 10 13
   3  4 11 12
";
    assert_eq!(said, wanted);
    assert_eq!(orders("").stdout, "no order: nothing is permuted\n");
}

/// Every line of a Hilbert curve's picture goes to a neighbour.
#[test]
fn a_picture_has_a_path_for_each_order() {
    let svg = orders("--set order=hilbert --set paths=4 --format svg").stdout;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    let paths: Vec<&str> =
        svg.split("<polyline points=\"").skip(1).filter_map(|p| p.split('"').next()).collect();
    assert_eq!(paths.len(), 4, "{svg}");
    for path in paths {
        let points: Vec<Vec<i64>> =
            path.split(' ').map(|p| p.split(',').map(|n| n.parse().unwrap()).collect()).collect();
        assert_eq!(points.len(), 16);
        for step in points.windows(2) {
            let distance = (step[0][0] - step[1][0]).abs() + (step[0][1] - step[1][1]).abs();
            assert_eq!(distance, 12, "{path}");
        }
    }
}

/// The bytes that a block of ZigMa moves with an order, and the hash of its kernels.
fn moved(order: &str, path: usize, words: &str) -> (u64, String) {
    let base = folder();
    let sizes = "--item ZigMaBlock --batch 2 --dim T=64 --dim D=32 --set rows=8 --set columns=8";
    let mut kernels = command(&format!("kernels {sizes} --set order={order} --set path={path} {words}"));
    run(kernels.arg(root().join("models/zigma.arch")).arg("--out").arg(base.path())).fine();
    let manifest = std::fs::read_to_string(base.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    (manifest["bytes_moved"].as_u64().unwrap(), manifest["hash"].to_string())
}

/// A permutation is where a scan reads and writes, not a pass over memory of its own.
#[test]
fn no_order_moves_more_bytes_than_the_raster() {
    for words in ["--target c", "--target c --grad", "--target cuda"] {
        let (raster, plain) = moved("raster", 0, words);
        for (order, path) in [("zigzag", 0), ("zigzag", 5), ("hilbert", 0), ("hilbert_numbers", 3)] {
            let (bytes, hash) = moved(order, path, words);
            assert!(100 * bytes <= 102 * raster, "{order} {path} {words}: {bytes} bytes, raster {raster}");
            assert_ne!(hash, plain, "{order} {path} {words} is no raster");
        }
    }
}
