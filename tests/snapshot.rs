//! `archc kernels --out` and `--check`: a project commits its kernels and sees what a change of text did to them.

mod common;

use arch_kernels::Target;
use arch_runtime::device::host::CCompiler;
use common::{Ran, command, folder, root, run};
use std::collections::BTreeSet;
use std::path::Path;

const GATED: &str = "edition 2026

import std.{layer_norm, linear}

block Gated(D) {
  norm = layer_norm(D, affine: false, eps: 1e-6)
  fc   = linear(D -> D)

  forward(x: [T, D], scale: [D], gate: [D]) -> [T, D] {
    let z = fc(norm(x) * (1 + scale))
    x + gate * silu(z)
  }
}
";

/// A project with `Gated`, its kernels in `kernels`.
struct Project {
    base: tempfile::TempDir,
    target: &'static str,
}

impl Project {
    fn new(target: &'static str) -> Self {
        let project = Project { base: folder(), target };
        project.edit(|text| text);
        project.ask("--out kernels").fine();
        project.ask("--check kernels").fine();
        project
    }

    /// Writes the text as it becomes of the first one.
    fn edit(&self, change: impl Fn(String) -> String) {
        std::fs::write(self.base.path().join("gated.arch"), change(GATED.into())).unwrap();
    }

    fn ask(&self, words: &str) -> Ran {
        let sizes = "--dim T=16 --dim D=32";
        let words = format!("kernels gated.arch {sizes} --target {} {words}", self.target);
        run(command(&words).current_dir(self.base.path()))
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.base.path().join("kernels").join(file)
    }

    fn manifest(&self) -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("manifest.json")).unwrap()).unwrap()
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.base.path().join("kernels")).unwrap();
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

fn tanh(text: String) -> String {
    text.replace("silu(z)", "2 * tanh(z)")
}

#[test]
fn what_is_no_longer_made_is_removed_and_what_is_the_users_stays() {
    for target in ["c", "cuda"] {
        let project = Project::new(target);
        let before = project.files();
        for name in ["notes.txt", "mine.c", "mine.cu"] {
            std::fs::write(project.path(name), "mine").unwrap();
        }
        project.ask("--check kernels").fine();
        project.edit(tanh);
        let said = project.ask("--out kernels").fine().stderr;
        assert!(said.contains(" removed: kernels"), "{said}");
        assert_eq!(project.ask("--check kernels").fine().stdout, "");
        let mut listed: BTreeSet<String> =
            ["manifest.json", "notes.txt", "mine.c", "mine.cu"].map(String::from).into();
        let manifest = project.manifest();
        listed.insert(manifest["header"].as_str().unwrap().into());
        let kernels = manifest["kernels"].as_array().unwrap();
        listed.extend(kernels.iter().map(|k| k["file"].as_str().unwrap().to_string()));
        assert_eq!(project.files(), listed);
        assert!(before.difference(&listed).count() > 0, "{target}: a kernel has gone");
    }
}

#[test]
fn a_manifest_that_lists_what_is_no_kernel_removes_nothing_else() {
    let project = Project::new("c");
    let outside = project.base.path().join("outside.c");
    std::fs::write(&outside, "mine").unwrap();
    std::fs::write(project.path("notes.txt"), "mine").unwrap();
    let mut manifest = project.manifest();
    for file in ["../outside.c", "notes.txt", outside.to_str().unwrap(), "..", ""] {
        let kernel = serde_json::json!({ "name": "x", "file": file });
        manifest["kernels"].as_array_mut().unwrap().push(kernel);
    }
    std::fs::write(project.path("manifest.json"), manifest.to_string()).unwrap();
    project.ask("--out kernels").fine();
    assert!(outside.exists() && project.path("notes.txt").exists());
}

#[test]
fn comments_and_folders_change_no_kernel() {
    for target in ["c", "cuda"] {
        let project = Project::new(target);
        project.edit(|text| text.replace("\n\nimport", "\n\n// A comment moves all lines.\nimport"));
        let ran = project.ask("--check kernels").fine();
        assert!(ran.stdout.is_empty() && ran.stderr.contains("source lines moved"), "{ran:?}");
        let object = project.ask("--check kernels --json").fine().json();
        assert!(object["same"] == true && object["lines_moved"] == true, "{object}");
        // From another folder the same file has another name.
        let mut away = command(&format!("kernels --dim T=16 --dim D=32 --target {target}"));
        away.arg(project.base.path().join("gated.arch"))
            .arg("--check")
            .arg(project.base.path().join("kernels"));
        run(&mut away).fine();
        project.ask("--out kernels").fine();
        let ran = project.ask("--check kernels").fine();
        assert_eq!(ran.stderr, "", "--out wrote the lines anew");
        let object = project.ask("--check kernels --json").fine().json();
        assert!(object["lines_moved"] == false, "{object}");
    }
}

#[test]
fn names_of_values_stand_in_headers_and_change_no_kernel() {
    for (target, comment) in [("c", "/* "), ("cuda", "// ")] {
        let project = Project::new(target);
        let before = project.manifest();
        let mut named = BTreeSet::new();
        for kernel in before["kernels"].as_array().unwrap() {
            let text = std::fs::read_to_string(project.path(kernel["file"].as_str().unwrap())).unwrap();
            let values = kernel["values"].as_array().unwrap();
            assert_eq!(values.len(), kernel["arguments"].as_array().unwrap().len());
            for (i, names) in values.iter().enumerate() {
                let line = text.lines().find(|l| l.starts_with(&format!("{comment}a{i}: "))).unwrap();
                let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(|n| n.as_str()).collect();
                let said = line.trim_end_matches(" */");
                assert!(names.iter().all(|n| said.ends_with(&format!(": {n}"))), "{names:?} in {line}");
                assert_eq!(said.ends_with("read") || said.ends_with("written"), names.is_empty(), "{line}");
                named.extend(names.into_iter().map(String::from));
            }
        }
        for name in ["x", "scale", "gate", "fc.weight", "fc.bias", "output"] {
            assert!(named.contains(name), "{name} in {named:?}");
        }
        project.edit(|text| text.replace("fc ", "lin").replace("fc(", "lin("));
        let ran = project.ask("--check kernels");
        assert_eq!(ran.code, Some(1));
        assert!(ran.stdout.contains("manifest: lin.weight none -> ["), "{}", ran.stdout);
        assert!(!ran.stdout.contains("changed: ") && !ran.stdout.contains("new: "), "{}", ran.stdout);
        project.ask("--out kernels").fine();
        let names = |m: &serde_json::Value| {
            m["kernels"].as_array().unwrap().iter().map(|k| k["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&before), names(&project.manifest()));
        assert_eq!(before["hash"], project.manifest()["hash"]);
    }
}

#[test]
fn other_names_of_axes_change_no_kernel() {
    for target in ["c", "cuda"] {
        let project = Project::new(target);
        project.edit(|text| text.replace("[T, D]", "[L, D]"));
        let words = format!("kernels gated.arch --dim L=16 --dim D=32 --target {target} --check kernels");
        let ran = run(command(&words).current_dir(project.base.path())).fine();
        assert_eq!(ran.stdout, "", "{ran:?}");
        // Another size under the same name does.
        let words = words.replace("L=16", "L=24");
        let ran = run(command(&words).current_dir(project.base.path()));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("[batch, T:16, D:32] -> [batch, L:24, D:32]"), "{}", ran.stdout);
    }
}

#[test]
fn a_real_change_is_shown_by_pairs_with_its_costs() {
    for target in ["c", "cuda"] {
        let project = Project::new(target);
        let before = project.manifest();
        project.edit(tanh);
        let ran = project.ask("--check kernels");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let heading = ran.stdout.lines().find(|l| l.starts_with("changed: ")).unwrap_or_default();
        assert!(heading.contains(" -> "), "a pair: {}", ran.stdout);
        assert!(heading.contains("FLOPs "), "its costs: {heading}");
        for part in ["  --- ", "  +++ ", "  @@ ", "sigmoid", "tanh", "manifest: hash ", "manifest: steps "] {
            assert!(ran.stdout.contains(part), "`{part}` is missing in:\n{}", ran.stdout);
        }
        let last = ran.stdout.lines().last().unwrap();
        assert!(last.starts_with("in all: kernels ") && last.contains("bytes moved "), "{last}");
        for word in ["new: ", "gone: ", "missing: "] {
            assert!(!ran.stdout.contains(&format!("\n{word}")), "{word} in {}", ran.stdout);
        }
        let object = project.ask("--check kernels --json");
        assert_eq!(object.code, Some(1));
        let object = object.json();
        let changed = object["changed"].as_array().unwrap();
        assert!(object["same"] == false && !changed.is_empty(), "{object}");
        let facts = changed[0]["changes"].as_array().unwrap();
        let flops = facts.iter().find(|f| f["what"] == "flops").expect("its FLOPs");
        let of = |m: &serde_json::Value, file: &serde_json::Value| {
            let row = m["kernels"].as_array().unwrap().iter().find(|k| k["file"] == *file).cloned();
            row.unwrap()["flops"].clone()
        };
        project.ask("--out kernels").fine();
        assert_eq!(flops["old"], of(&before, &changed[0]["old"]));
        assert_eq!(flops["new"], of(&project.manifest(), &changed[0]["new"]));
        assert_eq!(object["before"]["bytes_moved"], before["bytes_moved"]);
        assert_eq!(object["after"]["bytes_moved"], project.manifest()["bytes_moved"]);
    }
}

#[test]
fn kernels_without_a_pair_are_new_or_gone() {
    let project = Project::new("c");
    let softmax =
        |text: String| text.replace("x + gate * silu(z)", "cumulated(x + gate * silu(z))") + CUMULATED;
    project.edit(softmax);
    let ran = project.ask("--check kernels");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let new = ran.stdout.lines().find(|l| l.starts_with("new: scan")).unwrap_or_default();
    assert!(new.contains("bytes ") && new.contains("gated.arch:"), "{}", ran.stdout);
    project.ask("--out kernels").fine();
    project.edit(|text| text);
    let ran = project.ask("--check kernels");
    assert!(ran.stdout.lines().any(|l| l.starts_with("gone: scan")), "{}", ran.stdout);
}

const CUMULATED: &str = "
fn cumulated(x: [T, D]) {
  scan t over T (h: [D] = 0) {
    h <- h / 2 + x[t]
    yield h
  }
}
";

/// Lines of diffs that are shown, and those that are said to be left out.
fn lines(ran: &Ran) -> [usize; 2] {
    let (left_out, shown): (Vec<&str>, Vec<&str>) =
        ran.stdout.lines().filter(|l| l.starts_with("  ")).partition(|l| l.ends_with(" left out"));
    let number = |l: &&str| {
        let words = l.split_whitespace().map(|w| w.replace(',', ""));
        words.filter_map(|w| w.parse::<usize>().ok()).next().unwrap()
    };
    [shown.len(), left_out.iter().map(number).sum()]
}

/// Lines of diffs in all.
fn whole(object: &serde_json::Value) -> usize {
    let changed = object["changed"].as_array().unwrap();
    changed.iter().map(|c| c["diff"].as_str().unwrap().lines().count()).sum()
}

#[test]
fn many_changes_stay_readable() {
    let base = folder();
    let ask = |words: &str| {
        let words = format!(
            "kernels models/dit.arch --item DiT --preset digits --set depth=1 --set num_heads=2 --grad {words}"
        );
        run(command(&words).arg(base.path()))
    };
    ask("--set hidden_size=16 --out").fine();
    let ran = ask("--set hidden_size=24 --check");
    assert_eq!(ran.code, Some(1));
    let [shown, left_out] = lines(&ran);
    assert!((400..=401).contains(&shown), "{shown} lines of diffs");
    assert!(ran.stdout.contains("\n  a diff of "), "some have a line only: {}", ran.stdout);
    let object = ask("--set hidden_size=24 --json --check").json();
    assert_eq!(shown + left_out, whole(&object));
    let pairs = object["changed"].as_array().unwrap().len();
    assert_eq!(ran.stdout.lines().filter(|l| l.starts_with("changed: ")).count(), pairs);
}

#[test]
fn sizes_that_change_are_named_and_what_is_left_out_is_counted() {
    let project = Project::new("c");
    let sizes = |words: &str| {
        run(command(&format!("kernels gated.arch {words} --target c --check kernels"))
            .current_dir(project.base.path()))
    };
    let ran = sizes("--dim T=48 --dim D=64 --batch 3");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in
        ["manifest: batch 1 -> 3", "manifest: fc.weight ", "a0 [batch, T:16, D:32] -> [batch, T:48, D:64]"]
    {
        assert!(ran.stdout.contains(part), "`{part}` is missing in:\n{}", ran.stdout);
    }
    assert!(ran.stdout.contains("bytes moved ") && ran.stdout.contains(" %)"), "{}", ran.stdout);
    // No kernel is shown with more than 40 lines of its diff and one that counts the others.
    let longest =
        ran.stdout.split("changed: ").map(|one| one.lines().filter(|l| l.starts_with("  ")).count()).max();
    assert!(longest <= Some(41), "{longest:?}");
    let object =
        run(command("kernels gated.arch --dim T=48 --dim D=64 --batch 3 --target c --check kernels --json")
            .current_dir(project.base.path()));
    let object = object.json();
    assert_eq!(lines(&ran).iter().sum::<usize>(), whole(&object), "{}", ran.stdout);
}

#[test]
fn changes_of_the_manifest_that_are_left_out_are_counted() {
    let project = Project::new("c");
    let mut manifest = project.manifest();
    for i in 0..50 {
        manifest["config"][format!("c{i}")] = i.into();
    }
    std::fs::write(project.path("manifest.json"), manifest.to_string()).unwrap();
    let ran = project.ask("--check kernels");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stdout.lines().filter(|l| l.starts_with("manifest: c")).count(), 20, "{}", ran.stdout);
    assert!(ran.stdout.contains("manifest: … 30 more changes left out"), "{}", ran.stdout);
    let object = project.ask("--check kernels --json").json();
    assert_eq!(object["manifest"].as_array().unwrap().len(), 50, "{object}");
}

#[test]
fn files_that_are_missing_or_edited_are_named() {
    let project = Project::new("c");
    let manifest = project.manifest();
    let file = manifest["kernels"][0]["file"].as_str().unwrap();
    let text = std::fs::read_to_string(project.path(file)).unwrap();
    std::fs::write(project.path(file), text.replacen(';', " ;", 1)).unwrap();
    let header = manifest["header"].as_str().unwrap();
    std::fs::remove_file(project.path(header)).unwrap();
    let ran = project.ask("--check kernels");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains(&format!("changed: {file}\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("missing: {header}\n")), "{}", ran.stdout);
    project.ask("--check nowhere").fails(1, &["nowhere has no manifest.json", "--out"]);
    std::fs::write(project.path("manifest.json"), "{}").unwrap();
    project.ask("--check kernels").fails(1, &["is no manifest of kernels"]);
}

/// What is written can be given to a C compiler as it is.
#[test]
fn written_c_compiles_by_itself() {
    let Ok(compiler) = CCompiler::find() else {
        return common::skip("written C is compiled: there is no C compiler");
    };
    let base = folder();
    let models = [
        ("dit.arch", "DiT", "--preset digits --set depth=1"),
        ("mamba.arch", "MambaMixer", "--dim T=64 --set d_model=32"),
    ];
    for (file, item, words) in models {
        let target = Target::PINNED;
        let dir = base.path().join(item);
        let mut write = command(&format!("kernels --item {item} {words} --grad --target {target}"));
        run(write.arg(root().join("models").join(file)).arg("--out").arg(&dir)).fine();
        compile(&compiler, target, &dir);
    }
}

fn compile(compiler: &CCompiler, target: Target, dir: &Path) {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "c"));
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let mut cc = std::process::Command::new(&compiler.command);
        cc.args(CCompiler::flags(target)).arg("-c").arg(&file).arg("-o").arg(dir.join("out.o"));
        let said = cc.output().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{}: {text}", file.display());
    }
}
