//! Options that name nothing, and machines without a C compiler.

use super::words;
use crate::common::{Ran, command, fixture, folder, run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
fn items_presets_settings_and_sizes_that_do_not_exist() {
    words("report models/dit.arch --item DIT").fails(1, &["error[A", "DIT", "DiT"]);
    words("report models/dit.arch --preset XXL/2").fails(1, &["error[A", "XXL", "XL"]);
    words("report models/dit.arch --preset XL/two").fails(1, &["error[A", "two"]);
    words("report models/dit.arch --set hiden_size=8").fails(1, &["error[A", "hiden_size", "hidden_size"]);
    words("report models/dit.arch --set depth=deep").fails(1, &["error[A", "deep", "depth"]);
    words("report models/dit.arch --set depth=0").fails(1, &["error[A", "depth", "0"]);
    words("report models/dit.arch --set input_size=33").fails(1, &["error[A", "33", "patches of 2"]);
    words("report models/mamba.arch --item MambaMixer --set d_model=8").fails(1, &["error[A", "T"]);
    words("report models/mamba.arch --item MambaMixer --set d_model=8 --dim TT=4")
        .fails(1, &["error[A", "TT"]);
    words("report models/mamba.arch --item MambaMixer --set d_model=8 --dim T=4 --dim TT=4")
        .fails(2, &["TT", "`T`"]);
    words("report models/dit.arch --dim T=7").fails(2, &["--dim T=7", "256 long"]);
    words("report models/dit.arch --set depth").fails(2, &["--set depth", "name=value"]);
    words("report models/mamba.arch --item MambaMixer --dim T=0").fails(2, &["--dim T=0", "above 0"]);
    words("report models/mamba.arch --item MambaMixer --dim T=many").fails(2, &["--dim T=many"]);
}

#[test]
fn commands_and_options_that_do_not_exist_are_misuse() {
    words("tarin").fails(2, &["tarin", "train"]);
    words("report").fails(2, &["FILE"]);
    words("report models/dit.arch --prest S").fails(2, &["--prest", "--preset"]);
    words("run models/dit.arch --form fast").fails(2, &["fast", "executing"]);
    words("explain Z0000").fails(2, &["Z0000"]);
}

#[test]
fn more_memory_than_there_is() {
    let words_of = |batch: usize| format!("bench forward models/dit.arch --preset XL/2 --batch {batch}");
    let ran = words(&words_of(1_000_000));
    ran.fails(1, &["error[R0003]", "a batch of 1000000", "GB", "--batch", "archc report"]);
    words(&words_of(0)).fails(2, &["--batch", "from 1"]);
    words("bench sample models/dit.arch --steps 0").fails(2, &["--steps", "from 1"]);
}

#[test]
fn a_number_that_nobody_can_change_has_multiples() {
    let ran = words("report models/dit.arch --set hidden_size=10 --set num_heads=1");
    ran.fails(1, &["error[A0203]", "hidden_size = 10", "multiples of 4", "8 and 12"]);
}

#[test]
fn problems_are_json_where_json_is_asked_for() {
    let ran = words("report models/none.arch --json");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json()["error"]["code"], "R0001");
    let ran = words("check models/dit.arch --set hiden_size=8 --json");
    assert_eq!(ran.code, Some(1));
    let found = ran.json();
    let first = &found["diagnostics"][0];
    assert!(first["code"].as_str().is_some_and(|c| c.starts_with('A')), "{found}");
}

/// The mixer of a fixture with its kernels in a folder of their own.
pub fn mixer(cache: &Path, compiler: Option<&Path>, form: &str) -> Ran {
    let out = folder();
    run(&mut mixer_with(cache, compiler, form, &out.path().join("o.safetensors")))
}

/// The same as a command that is yet to run.
pub fn mixer_with(cache: &Path, compiler: Option<&Path>, form: &str, out: &Path) -> Command {
    let mut command = command("run models/mamba.arch --item MambaMixer --set d_model=16 --set d_state=4");
    command.env("ARCHC_CACHE_DIR", cache).args(["--form", form]);
    command.arg("--weights").arg(fixture("mamba_mixer", "weights.safetensors"));
    command.arg("--inputs").arg(fixture("mamba_mixer", "inputs.safetensors"));
    command.arg("--outputs").arg(out);
    if let Some(compiler) = compiler {
        command.env("ARCHC_CC", compiler);
    }
    command
}

#[test]
fn without_a_c_compiler_the_way_out_is_said() {
    let base = folder();
    let none = Path::new("/nonexistent");
    let ran = mixer(base.path(), Some(none), "executing");
    ran.fails(
        1,
        &[
            "error[R0003]",
            "no C compiler",
            "/nonexistent",
            "ARCHC_CC",
            "apt install gcc",
            "--form interpreter",
        ],
    );
    for form in ["interpreter", "primitive"] {
        mixer(base.path(), Some(none), form).fine();
    }
    let doctor = run(command("doctor").env("ARCHC_CC", none));
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("apt install gcc"), "{}", doctor.stdout);
}

#[test]
fn an_instruction_set_that_there_is_not_is_named_with_those_that_there_are() {
    for words in
        ["doctor", "dev models/mamba.arch --item MambaMixer --set d_model=16 --dim T=4 --stage kernels"]
    {
        let ran = run(command(words).env("ARCHC_TARGET", "avx1024"));
        assert_eq!(ran.code, Some(1), "{words}: {}{}", ran.stdout, ran.stderr);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        for part in ["ARCHC_TARGET", "`avx1024`", "generic", "unset it"] {
            assert!(said.contains(part), "{words}: `{part}` is missing in:\n{said}");
        }
    }
    let known = run(command("doctor").env("ARCHC_TARGET", "generic")).fine();
    assert!(known.stdout.contains("instructions     generic of generic"), "{}", known.stdout);
    let json = run(command("doctor --json").env("ARCHC_TARGET", "generic")).fine().json();
    assert_eq!(json["instruction_set"], "generic");
    let own = run(command("doctor --json").env_remove("ARCHC_TARGET")).fine().json();
    assert_eq!(own["instruction_sets"].as_array().and_then(|all| all.last()), Some(&own["instruction_set"]));
}

#[test]
fn a_compiler_that_fails_is_quoted() {
    let base = folder();
    let fake = base.path().join("cc");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo fake 1.0; exit 0; fi\necho 'cc1: out of luck' >&2\nexit 1\n";
    std::fs::write(&fake, script).unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = mixer(&base.path().join("cache"), Some(&fake), "executing");
    ran.fails(1, &["error[R0003]", "out of luck", "--form interpreter"]);
    assert!(!base.path().join("cache/refused").exists(), "no kernel is to blame");
}
