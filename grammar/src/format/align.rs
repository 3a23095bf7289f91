//! Columns: the `=` of neighbouring layers, the entries of neighbouring presets.

use super::WIDTH;
use super::parts::Chunk;
use crate::source::Source;
use crate::split::Level;

/// Aligns what stands together without an empty line between.
pub fn align(source: &Source, level: Level, indent: usize, chunks: &mut [Chunk]) {
    if level != Level::Members {
        return;
    }
    let mut start = 0;
    for end in 1..=chunks.len() {
        if end == chunks.len() || chunks[end].blank {
            layers(source, indent, &mut chunks[start..end]);
            presets(source, indent, &mut chunks[start..end]);
            start = end;
        }
    }
}

fn layers(source: &Source, indent: usize, chunks: &mut [Chunk]) {
    let name = |chunk: &Chunk| {
        let first = chunk.first?;
        (source.word(first + 1) == "=").then(|| source.word(first).len())
    };
    let Some(width) = chunks.iter().filter_map(name).max() else { return };
    let padded = |chunk: &Chunk| {
        name(chunk).map(|n| chunk.text.lines().next().unwrap_or("").chars().count() + width - n)
    };
    if chunks.iter().filter_map(padded).any(|length| indent + length > WIDTH) {
        return;
    }
    for chunk in chunks {
        if let Some(name) = name(chunk) {
            chunk.text.insert_str(name, &" ".repeat(width - name));
        }
    }
}

/// A preset on one line: its name and its entries.
fn cells(source: &Source, chunk: &Chunk) -> Option<(String, Vec<String>)> {
    let first = chunk.first?;
    if source.word(first) != "preset" || source.word(first + 1) == "=" || chunk.text.contains('\n') {
        return None;
    }
    let (head, rest) = chunk.text.split_once(" { ")?;
    let entries = rest.strip_suffix(" }")?;
    // Entries hold no brackets where they are numbers and words, and only such are set in columns.
    if entries.contains(['(', '[', '{', '"']) {
        return None;
    }
    Some((head.to_string(), entries.split(", ").map(str::to_string).collect()))
}

fn presets(source: &Source, indent: usize, chunks: &mut [Chunk]) {
    let rows: Vec<Option<(String, Vec<String>)>> = chunks.iter().map(|c| cells(source, c)).collect();
    let count = rows.iter().flatten().count();
    let columns = rows.iter().flatten().map(|(_, entries)| entries.len()).max().unwrap_or(0);
    let keys = |entries: &[String]| -> Vec<String> {
        entries.iter().map(|e| e.split(':').next().unwrap_or("").to_string()).collect()
    };
    let mut all = rows.iter().flatten().map(|(_, entries)| keys(entries));
    let same = all.next().is_some_and(|first| all.all(|other| other == first));
    if count < 2 || !same {
        return;
    }
    let head = rows.iter().flatten().map(|(head, _)| head.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|i| rows.iter().flatten().filter_map(|(_, e)| e.get(i)).map(String::len).max().unwrap_or(0))
        .collect();
    let total = indent + head + 5 + widths.iter().map(|w| w + 2).sum::<usize>();
    if total > WIDTH {
        return;
    }
    for (chunk, row) in chunks.iter_mut().zip(rows) {
        let Some((name, entries)) = row else { continue };
        let mut text = format!("{name:head$} {{");
        let last = entries.len().saturating_sub(1);
        for (i, entry) in entries.iter().enumerate() {
            match i == last {
                true => text.push_str(&format!(" {entry}")),
                false => text.push_str(&format!(" {:1$}", format!("{entry},"), widths[i] + 1)),
            }
        }
        text.push_str(" }");
        chunk.text = text;
    }
}
