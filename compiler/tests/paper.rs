//! The twelve sizes of the DiT paper (Peebles and Xie 2023, table 4): trainable parameters exactly, and
//! multiply-accumulates per sample as the paper rounds its Gflops, up to the paper's own rounding of 0.6 %.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::cost;

/// Preset, trainable parameters, the paper's Gflops.
const SIZES: [(&str, usize, f64); 12] = [
    ("S/8", 33_142_016, 0.36),
    ("S/4", 32_920_448, 1.41),
    ("S/2", 32_865_056, 6.06),
    ("B/8", 130_869_248, 1.42),
    ("B/4", 130_426_496, 5.56),
    ("B/2", 130_315_808, 23.01),
    ("L/8", 458_578_432, 5.01),
    ("L/4", 457_988_224, 19.70),
    ("L/2", 457_840_672, 80.71),
    ("XL/8", 675_664_640, 7.39),
    ("XL/4", 675_000_704, 29.05),
    ("XL/2", 674_834_720, 118.64),
];

#[test]
fn all_sizes_of_the_paper_are_counted_exactly() {
    let text = include_str!("../../models/dit.arch");
    for (preset, params, gflops) in SIZES {
        let request = Request { preset: Some(preset.into()), ..Request::default() };
        let program = compile(&NoFiles, "dit.arch", text, &request).program.expect("DiT compiles");
        assert_eq!(program.layers[0].params, params, "{preset}");
        let macs = cost::macs(&program.module, program.entry) as f64 / 1e9;
        assert!((macs - gflops).abs() <= 0.006 * gflops, "{preset}: {macs} G, the paper has {gflops}");
    }
}

#[test]
fn the_fixed_position_table_is_counted_as_a_buffer() {
    let text = include_str!("../../models/dit.arch");
    let request = Request { preset: Some("XL/2".into()), ..Request::default() };
    let program = compile(&NoFiles, "dit.arch", text, &request).program.expect("DiT compiles");
    assert_eq!(program.layers[0].params_with_buffers, 675_129_632);
    assert_eq!(cost::macs(&program.module, program.entry), 118_621_421_568);
}
