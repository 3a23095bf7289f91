//! The ledger, `docs/ledger.md`: what the models of the papers cost, counted here and printed there.
//!
//! `ARCH_BLESS=1 cargo test -p arch-compiler --test ledger` writes the page anew.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::cost::grouped;
use arch_compiler::program::Program;
use arch_compiler::{cost, library};
use std::fmt::Write as _;
use std::path::Path;

/// What stands above the tables.
const HEAD: &str = "# The ledger

What the models of the papers cost: counted by `archc report`, beside what the papers print. This page is written by
`ARCH_BLESS=1 cargo test -p arch-compiler --test ledger`, and the same test without `ARCH_BLESS` fails where the page,
the models or the papers' figures have come apart.

- *Parameters* are those that are trained; the fixed position table of DiT is not one. Rounded to millions they are the
  paper's, in every row.
- *Forward* is multiply-accumulates of one image through the network once: what papers call Gflops. Matrix products and
  convolutions count, nothing else does. The autoencoder of latent models is left out, as in the papers.
- *With norms* adds one for each element that a layer norm gives. The counter behind the tables of the DiT paper plainly
  did: {digits} of its {rows} figures then come out to the last digit that is printed, the others within one of it.
- *Trained* is multiply-accumulates for one image in training: of the graph that gives the prediction and the gradients of
  all parameters. It is three times the forward pass but for the first layers, whose inputs need no gradient. Loss,
  optimizer and moving average have no products and count nothing; nothing is computed twice to save memory.
";

/// What stands below them: what operations per image do not say.
const FOOT: &str = "## Operations of a whole training run

Fewer operations in all are not fewer per image. DiffuSSM-XL (Yan, Gu and Rush 2024) is known for
needing fewer operations than DiT-XL/2, and does over the whole run; one forward pass costs {narrow} times DiT-XL/2's at 256 x 256 and
{wide} times at 512 x 512, and it saw fewer images. All figures here are the papers' own.

| | Gflops, forward | million images | product, relative to DiT-XL/2 |
| --- | --- | --- | --- |
";

/// Published training runs: what, Gflops, million images. Those of DiT come first.
const RUNS: [[(&str, f64, f64); 2]; 2] = [
    [("DiT-XL/2, 256 x 256", 118.64, 1792.0), ("DiffuSSM-XL, 256 x 256", 280.3, 660.0)],
    [("DiT-XL/2, 512 x 512", 524.60, 768.0), ("DiffuSSM-XL, 512 x 512", 1066.2, 302.0)],
];

/// One model of a paper.
struct Row {
    /// What the paper calls it.
    name: &'static str,
    /// The file in the zoo.
    file: &'static str,
    /// The item, and the preset if there is one.
    item: &'static str,
    preset: &'static str,
    set: &'static [(&'static str, &'static str)],
    /// Millions of parameters and Gflops, as the paper prints them; empty where it does not.
    params: &'static str,
    gflops: &'static str,
    /// Elements that layer norms give for one sample, where the paper's counter had them; else 0.
    normed: u64,
    /// The share by which our count is known to be above the paper's figure, where the paper does not say how
    /// it counts or leaves the network open.
    gap: f64,
}

/// Models of one paper.
struct Section {
    title: &'static str,
    /// Where the figures beside ours are from, and what is to be said of them.
    about: &'static str,
    rows: &'static [Row],
}

const fn dit(preset: &'static str, params: &'static str, gflops: &'static str, normed: u64) -> Row {
    Row { name: preset, file: "dit", item: "DiT", preset, set: &[], params, gflops, normed, gap: 0.0 }
}

const fn conditioning(
    name: &'static str,
    item: &'static str,
    params: &'static str,
    gflops: &'static str,
    normed: u64,
) -> Row {
    Row { name, file: "dit", item, preset: "XL/2", set: &[], params, gflops, normed, gap: 0.0 }
}

const fn sit(preset: &'static str, params: &'static str) -> Row {
    Row { name: preset, file: "sit", item: "SiT", preset, set: &[], params, gflops: "", normed: 0, gap: 0.0 }
}

const fn uvit(
    name: &'static str,
    preset: &'static str,
    set: &'static [(&'static str, &'static str)],
    params: &'static str,
    gflops: &'static str,
) -> Row {
    Row { name, file: "uvit", item: "UViT", preset, set, params, gflops, normed: 0, gap: 0.0 }
}

const fn unet(name: &'static str, preset: &'static str, params: &'static str, gflops: &'static str) -> Row {
    Row { name, file: "unet", item: "UNet", preset, set: &[], params, gflops, normed: 0, gap: 0.0 }
}

const fn diffussm(name: &'static str, preset: &'static str, gflops: &'static str, gap: f64) -> Row {
    Row { name, file: "diffussm", item: "DiffuSSM", preset, set: &[], params: "673", gflops, normed: 0, gap }
}

/// Two norms a block and one at the end, over all tokens.
const fn norms(blocks: u64, tokens: u64, width: u64) -> u64 {
    (2 * blocks + 1) * tokens * width
}

const SECTIONS: &[Section] = &[
    Section {
        title: "DiT, latents of 256 x 256",
        about: "Peebles & Xie 2023, table 4. Latents of 32 x 32 x 4 and 1000 classes.",
        rows: &[
            dit("S/8", "33", "0.36", norms(12, 16, 384)),
            dit("S/4", "33", "1.41", norms(12, 64, 384)),
            dit("S/2", "33", "6.06", norms(12, 256, 384)),
            dit("B/8", "131", "1.42", norms(12, 16, 768)),
            dit("B/4", "130", "5.56", norms(12, 64, 768)),
            dit("B/2", "130", "23.01", norms(12, 256, 768)),
            dit("L/8", "459", "5.01", norms(24, 16, 1024)),
            dit("L/4", "458", "19.70", norms(24, 64, 1024)),
            dit("L/2", "458", "80.71", norms(24, 256, 1024)),
            dit("XL/8", "676", "7.39", norms(28, 16, 1152)),
            dit("XL/4", "675", "29.05", norms(28, 64, 1152)),
            dit("XL/2", "675", "118.64", norms(28, 256, 1152)),
        ],
    },
    Section {
        title: "DiT, latents of 512 x 512",
        about: "Peebles & Xie 2023, table 3. Latents of 64 x 64 x 4.",
        rows: &[Row {
            name: "XL/2",
            file: "dit",
            item: "DiT",
            preset: "XL/2",
            set: &[("input_size", "64")],
            params: "675",
            gflops: "524.60",
            normed: norms(28, 1024, 1152),
            gap: 0.0,
        }],
    },
    Section {
        title: "DiT-XL/2, four ways of conditioning",
        about: "Peebles & Xie 2023, table 4 and figure 5. The authors published the code of adaLN-Zero only; what \
                the paper leaves open of the others is as in `models/dit.arch`.",
        rows: &[
            conditioning("in-context", "DiTInContext", "449", "119.37", 56 * 258 * 1152 + 256 * 1152),
            conditioning("cross-attention", "DiTCrossAttention", "598", "137.62", 85 * 256 * 1152),
            conditioning("adaLN", "DiTAdaLN", "600", "118.56", norms(28, 256, 1152)),
            conditioning("adaLN-Zero", "DiT", "675", "118.64", norms(28, 256, 1152)),
        ],
    },
    Section {
        title: "SiT, latents of 256 x 256",
        about: "Ma et al. 2024, table 1. The networks are DiT's, with its second half of the channels, which is \
                computed and left.",
        rows: &[sit("S/2", "33"), sit("B/2", "130"), sit("L/2", "458"), sit("XL/2", "675")],
    },
    Section {
        title: "U-ViT",
        about: "Bao et al. 2023.",
        rows: &[
            uvit("S/2, CIFAR-10", "S/2", &[], "44", ""),
            uvit("S/2 (deep), latents of 256 x 256, without text", "S_deep/2", &[], "58", ""),
            uvit("M/4, ImageNet 64 x 64", "M/4", &[], "131", ""),
            uvit("L/2, latents of 256 x 256", "L/2", &[], "287", ""),
            uvit("L/4, latents of 512 x 512", "L/4", &[("img_size", "64")], "287", "76.5"),
            uvit("H/2, latents of 256 x 256", "H/2", &[], "501", "133.25"),
            uvit("H/4, latents of 512 x 512", "H/4", &[("img_size", "64")], "501", ""),
        ],
    },
    Section {
        title: "ADM",
        about: "Dhariwal & Nichol 2021; operations as the DiT paper prints them. In pixels.",
        rows: &[
            unet("ImageNet 64 x 64", "imagenet64", "296", ""),
            unet("ImageNet 128 x 128", "imagenet128", "422", ""),
            unet("ImageNet 256 x 256", "imagenet256", "554", "1120"),
            unet("ImageNet 512 x 512", "imagenet512", "559", "1983"),
            unet("LSUN 256 x 256", "lsun256", "553", ""),
        ],
    },
    Section {
        title: "DiffuSSM",
        about: "Yan, Gu and Rush 2024. There is no public code, and how the matrices of the hourglass are cut is \
                partly inferred; the parameters are the paper's, our operations are 7 % and 12.5 % above its own. \
                The 13 + M matrices of a layer alone are 295.6 G at 256 x 256; what reads the states is 4.4 G.",
        rows: &[
            diffussm("XL, latents of 256 x 256", "XL256", "280.3", 0.0704),
            diffussm("XL, latents of 512 x 512", "XL512", "1066.2", 0.1254),
        ],
    },
];

/// What was counted.
struct Count {
    params: usize,
    forward: u64,
    trained: u64,
}

fn program(row: &Row) -> Program {
    let text = library::ZOO.iter().find(|(name, _)| *name == row.file).expect("the model is in the zoo").1;
    let request = Request {
        item: Some(row.item.into()),
        preset: Some(row.preset.into()),
        set: row.set.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Request::default()
    };
    let outcome = compile(&NoFiles, row.file, text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    outcome.program.unwrap_or_else(|| panic!("{said}"))
}

fn count(row: &Row) -> Count {
    let program = program(row);
    let forward = cost::macs(&program.module, program.entry);
    let trained = cost::trained_macs(&program).expect("parameters have gradients");
    Count { params: program.layers[0].params, forward, trained }
}

/// Giga-operations with as many decimals as the paper prints, or two.
fn giga(count: u64, like: &str) -> String {
    let decimals = like.split_once('.').map_or(2, |(_, d)| d.len());
    format!("{:.decimals$}", count as f64 / 1e9)
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// A section's table, and how many of its figures with norms have the paper's digits.
fn table(section: &Section) -> (String, usize) {
    let normed = section.rows.iter().any(|r| r.normed > 0);
    let mut out = format!("## {}\n\n{}\n\n", section.title, section.about);
    let column = |text: &'static str| if normed { text } else { "" };
    let _ = writeln!(
        out,
        "| model | parameters | paper, M | forward |{} paper, G | trained |\n| --- | --- | --- | --- |{} --- | --- |",
        column(" with norms, G |"),
        column(" --- |")
    );
    let mut digits = 0;
    for row in section.rows {
        let count = count(row);
        let with_norms = giga(count.forward + row.normed, row.gflops);
        digits += usize::from(row.normed > 0 && with_norms == row.gflops);
        held_against_the_paper(row, &count);
        let with_norms = if normed { format!(" {with_norms} |") } else { String::new() };
        let (params, forward) = (grouped(count.params as u64), grouped(count.forward));
        let _ = writeln!(
            out,
            "| {} | {params} | {} | {forward} |{with_norms} {} | {} |",
            row.name,
            dash(row.params),
            dash(row.gflops),
            grouped(count.trained)
        );
    }
    (out, digits)
}

/// Parameters must be the paper's to the million, operations to one unit of the last digit where the paper
/// counts as we know, and to 0.05 % where it does not say how.
fn held_against_the_paper(row: &Row, count: &Count) {
    let what = format!("{} {}", row.item, row.name);
    if let Ok(millions) = row.params.parse::<f64>() {
        assert_eq!((count.params as f64 / 1e6).round(), millions, "{what}: {} parameters", count.params);
    }
    let Ok(printed) = row.gflops.parse::<f64>() else { return };
    let counted = (count.forward + row.normed) as f64 / 1e9;
    if row.gap > 0.0 {
        let above = counted / printed - 1.0;
        assert!((above - row.gap).abs() < 0.0005, "{what}: {above} above the paper's figure");
        return;
    }
    let allowed = if row.normed > 0 { 0.01 } else { 0.0005 * printed };
    assert!((counted - printed).abs() <= allowed, "{what}: {counted} G, the paper has {printed} G");
    let thrice = count.trained as f64 / count.forward as f64;
    assert!((2.99..=3.0).contains(&thrice), "{what}: training costs {thrice} times the forward pass");
}

fn page() -> String {
    let (mut tables, mut digits, mut rows) = (String::new(), 0, 0);
    for section in SECTIONS {
        let (text, same) = table(section);
        let _ = write!(tables, "\n{text}");
        digits += same;
        rows += section.rows.iter().filter(|r| r.normed > 0).count();
    }
    let head = HEAD.replace("{digits}", &digits.to_string()).replace("{rows}", &rows.to_string());
    let times = |[dit, other]: [(&str, f64, f64); 2]| format!("{:.2}", other.1 / dit.1);
    let mut foot = FOOT.replace("{narrow}", &times(RUNS[0])).replace("{wide}", &times(RUNS[1]));
    for [dit, other] in RUNS {
        for (what, gflops, images) in [dit, other] {
            let share = gflops * images / (dit.1 * dit.2);
            let _ = writeln!(foot, "| {what} | {gflops} | {images} | {share:.2} |");
        }
    }
    format!("{head}{tables}\n{foot}")
}

#[test]
fn the_ledger_is_what_is_counted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ledger.md");
    let page = page();
    if std::env::var_os("ARCH_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/ledger.md is out of date: ARCH_BLESS=1 writes it anew");
}
