//! The tensor directory: what each tensor is and where it lies.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::GgufError;
use crate::ggml_type::GgmlType;

/// Dimensions of a tensor at the most, as in GGML.
const MAX_DIMS: u32 = 4;
/// An entry is never shorter: length of the name, dimensions, type, offset (version 1 with no dimension).
pub(crate) const LEAST_ENTRY: usize = 4 + 4 + 4 + 8;

/// A tensor in the file.
pub(crate) struct Stored {
    /// Slowest dimension first.
    pub(crate) shape: Vec<usize>,
    pub(crate) ggml_type: GgmlType,
    /// Where its values lie in the file.
    pub(crate) bytes: Range<usize>,
}

/// An entry of the directory before it is known where the data begin.
struct Entry {
    name: String,
    /// Where the entry itself lies in the file.
    at: usize,
    shape: Vec<usize>,
    ggml_type: GgmlType,
    len: usize,
    /// From the beginning of the data.
    offset: u64,
}

/// Reads `count` entries and places them in the data that follow, which begin at a multiple of `alignment`.
pub(crate) fn read_directory(
    cursor: &mut Cursor<'_>,
    count: usize,
    alignment: usize,
    file_len: usize,
) -> Result<BTreeMap<String, Stored>, GgufError> {
    let entries = (0..count).map(|_| read_entry(cursor)).collect::<Result<Vec<_>, _>>()?;
    let data = cursor.at().next_multiple_of(alignment);
    let mut tensors = BTreeMap::new();
    let mut used = Vec::with_capacity(entries.len());
    for Entry { name, at, shape, ggml_type, len, offset } in entries {
        if offset % alignment as u64 != 0 {
            return Err(cursor.wrong(at, format!("`{name}` at a multiple of {alignment} bytes, found offset {offset}")));
        }
        let Some(bytes) = range(data, offset, len, file_len) else {
            let expected = format!(
                "`{name}` to end inside the file, which has {file_len} bytes; it has {len} from {offset} after byte {data}"
            );
            return Err(cursor.wrong(at, expected));
        };
        used.push((bytes.clone(), at, name.clone()));
        if tensors.insert(name.clone(), Stored { shape, ggml_type, bytes }).is_some() {
            return Err(cursor.wrong(at, format!("tensor `{name}` only once")));
        }
    }
    used.sort_by_key(|(bytes, ..)| (bytes.start, bytes.end));
    for pair in used.windows(2) {
        let [(before, _, other), (after, at, name)] = pair else { continue };
        if before.end > after.start {
            return Err(cursor.wrong(*at, format!("`{name}` apart from `{other}`, but they share bytes")));
        }
    }
    Ok(tensors)
}

fn range(data: usize, offset: u64, len: usize, file_len: usize) -> Option<Range<usize>> {
    let start = data.checked_add(usize::try_from(offset).ok()?)?;
    let end = start.checked_add(len)?;
    (end <= file_len).then_some(start..end)
}

fn read_entry(cursor: &mut Cursor<'_>) -> Result<Entry, GgufError> {
    let at = cursor.at();
    let name = cursor.text("tensor name")?;
    let dims_at = cursor.at();
    let dims = cursor.u32("number of dimensions")?;
    if !(1..=MAX_DIMS).contains(&dims) {
        return Err(cursor.wrong(dims_at, format!("1 to {MAX_DIMS} dimensions of `{name}`, found {dims}")));
    }
    // The file has the fastest dimension first.
    let mut shape = (0..dims).map(|_| cursor.size("dimension")).collect::<Result<Vec<_>, _>>()?;
    shape.reverse();
    let id = cursor.u32("tensor type")?;
    let ggml_type = GgmlType::from_id(id).map_err(|other| cursor.refused(&name, other))?;
    let offset = cursor.u64("tensor offset")?;
    let Some(len) = ggml_type.byte_len(&shape) else {
        let expected =
            format!("rows of `{name}` in whole blocks of {} values, found shape {shape:?}", ggml_type.block_len());
        return Err(cursor.wrong(dims_at, expected));
    };
    Ok(Entry { name, at, shape, ggml_type, len, offset })
}
