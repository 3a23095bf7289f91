//! A folder of PNG or JPEG files with one subfolder per class.

use super::idx::channels_first;
use super::{Dataset, Pixels, Wanted, damaged};
use crate::error::{Code, Problem};
use crate::recipe::OnError;
use std::path::{Path, PathBuf};

const SUFFIXES: [&str; 3] = ["png", "jpg", "jpeg"];

/// Opens a folder. Classes are numbered in the order of their names; a folder without subfolders has no
/// labels. Images must have the model's size: nothing is cropped or scaled behind the user's back.
pub(super) fn open(folder: &Path, wanted: Wanted, on_error: OnError) -> Result<Dataset, Problem> {
    let classes: Vec<PathBuf> = entries(folder)?.into_iter().filter(|p| p.is_dir()).collect();
    let mut files: Vec<(PathBuf, i32)> = Vec::new();
    for (label, class) in (0i32..).zip(&classes) {
        files.extend(images_in(class)?.into_iter().map(|p| (p, label)));
    }
    let labelled = !classes.is_empty();
    if !labelled {
        files.extend(images_in(folder)?.into_iter().map(|p| (p, 0)));
    }
    if files.is_empty() {
        return Err(Problem::new(
            Code::DataEmpty,
            format!("{} has no .png or .jpg files, nor subfolders with such", folder.display()),
            "put the images of each class into a subfolder of its own",
        ));
    }
    let (mut bytes, mut labels, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for (path, label) in files {
        match decode(&path, wanted) {
            Ok(image) => {
                bytes.extend(image);
                labels.push(label);
            }
            Err(problem) if on_error == OnError::Skip => skipped.push(problem.message),
            Err(problem) => return Err(problem),
        }
    }
    let name = |p: &PathBuf| p.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(Dataset {
        pixels: Pixels::Bytes(bytes),
        channels: wanted.channels,
        height: wanted.height,
        width: wanted.width,
        labels: labelled.then_some(labels),
        classes: classes.iter().map(name).collect(),
        skipped,
    })
}

/// Everything in a folder, by name, so that numbers do not depend on the file system.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let fault = |e: std::io::Error| Problem::io("read the folder", folder, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        found.push(entry.map_err(fault)?.path());
    }
    found.sort();
    Ok(found)
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let is_image = |path: &PathBuf| {
        let suffix = path.extension().map(|s| s.to_string_lossy().to_lowercase());
        suffix.is_some_and(|s| SUFFIXES.contains(&s.as_str())) && path.is_file()
    };
    Ok(entries(folder)?.into_iter().filter(is_image).collect())
}

fn decode(path: &Path, wanted: Wanted) -> Result<Vec<u8>, Problem> {
    let image = image::open(path).map_err(|e| {
        Problem::new(
            Code::DataFormat,
            format!("{}: cannot be decoded: {e}", path.display()),
            "remove or repair the file, or set `data.on_error = \"skip\"`",
        )
    })?;
    let size = (image.height() as usize, image.width() as usize);
    if size != (wanted.height, wanted.width) {
        return Err(Problem::new(
            Code::DataShape,
            format!(
                "{}: {} x {} pixels, but the model takes {} x {}",
                path.display(),
                size.0,
                size.1,
                wanted.height,
                wanted.width
            ),
            "scale the images beforehand, or set the model's `input_size`",
        ));
    }
    let pixels = wanted.height * wanted.width;
    match wanted.channels {
        1 => Ok(image.into_luma8().into_raw()),
        3 => Ok(channels_first(image.into_rgb8().as_raw(), pixels, 3)),
        4 => Ok(channels_first(image.into_rgba8().as_raw(), pixels, 4)),
        other => Err(damaged(path, format!("an image has 1, 3 or 4 channels, but the model takes {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (class, level) in [("b_dogs", 200u8), ("a_cats", 10)] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            for i in 0..2 {
                let image = image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([level, x as u8, y as u8]));
                image.save(folder.path().join(class).join(format!("{i}.png"))).unwrap();
            }
        }
        folder
    }

    #[test]
    fn classes_are_numbered_by_name_and_channels_come_first() {
        let folder = sample_folder();
        let wanted = Wanted { channels: 3, height: 2, width: 3, classes: Some(2) };
        let dataset = open(folder.path(), wanted, OnError::Stop).unwrap();
        assert_eq!(dataset.classes, ["a_cats", "b_dogs"]);
        assert_eq!(dataset.labels, Some(vec![0, 0, 1, 1]));
        let Pixels::Bytes(bytes) = &dataset.pixels else { panic!("bytes") };
        assert_eq!(bytes[..18], [10, 10, 10, 10, 10, 10, 0, 1, 2, 0, 1, 2, 0, 0, 0, 1, 1, 1]);
        let other = open(folder.path(), Wanted { height: 8, ..wanted }, OnError::Stop).unwrap_err();
        assert_eq!(other.code, Code::DataShape);
    }

    #[test]
    fn a_corrupt_image_is_named_and_stops_or_is_skipped() {
        let folder = sample_folder();
        let broken = folder.path().join("a_cats").join("1.png");
        let bytes = std::fs::read(&broken).unwrap();
        std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
        let wanted = Wanted { channels: 3, height: 2, width: 3, classes: Some(2) };
        let problem = open(folder.path(), wanted, OnError::Stop).unwrap_err();
        assert!(problem.code == Code::DataFormat && problem.message.contains("a_cats/1.png"), "{problem}");
        let dataset = open(folder.path(), wanted, OnError::Skip).unwrap();
        assert_eq!(dataset.labels, Some(vec![0, 1, 1]));
        assert!(dataset.skipped.len() == 1 && dataset.skipped[0].contains("a_cats/1.png"));
    }
}
