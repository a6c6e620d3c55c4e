//! What PyTorch puts a checkpoint's pickle into, and where the numbers lie.
//!
//! Since PyTorch 1.6 a checkpoint is a zip archive, the dictionary and each storage an uncompressed member; before, it
//! was a row of pickles with the storages behind them; before 0.1.10 it was a tar archive.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::machine::{Object, Pickle};
use super::storage::{Storage, Storages};

/// The number that a row of pickles begins with.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// A dictionary of names takes kilobytes; a compressed one could claim to be anything.
const DICTIONARY: u64 = 64 << 20;

/// What a checkpoint's pickle is in.
pub(super) enum Container {
    /// A zip archive.
    Zip,
    /// A row of pickles.
    Row,
}

impl Container {
    /// By what the file begins with.
    ///
    /// # Errors
    /// A tar archive, as the first versions wrote them.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        match bytes.get(257..262) {
            _ if bytes.starts_with(b"PK") => Ok(Self::Zip),
            Some(b"ustar") => Err("expected a checkpoint of PyTorch 0.1.10 or later, got a tar archive: \
                 load it with `torch.load` and save it again"
                .into()),
            _ => Ok(Self::Row),
        }
    }
}

/// A zip archive's pickle and its storages.
pub(super) fn zipped(bytes: &[u8]) -> Result<(Vec<u8>, Storages), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut dictionary = None;
    let mut storages = Storages::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        let twice = || format!("duplicate member `{name}`");
        let mut small = || -> Result<Vec<u8>, String> {
            let mut content = Vec::new();
            let read = member.by_ref().take(DICTIONARY + 1).read_to_end(&mut content);
            match read.map_err(|error| error.to_string())? as u64 > DICTIONARY {
                true => Err(format!("member `{name}`: expected at most {} MiB, got more", DICTIONARY >> 20)),
                false => Ok(content),
            }
        };
        if name.ends_with("/data.pkl") {
            if dictionary.replace(small()?).is_some() {
                return Err(twice());
            }
        } else if name.ends_with("/constants.pkl") {
            return Err("expected the tensors alone, got a TorchScript archive (`torch.jit.save`): \
                 `torch.save(torch.jit.load(FILE).state_dict(), NEW)`"
                .into());
        } else if name.ends_with("/byteorder") {
            if small()? != b"little" {
                return Err("expected little-endian numbers, got big-endian ones".into());
            }
        } else if let Some((_, key)) = name.rsplit_once("/data/") {
            if member.compression() != CompressionMethod::Stored {
                return Err(format!("member `{name}`: expected stored bytes, got compressed ones"));
            }
            let start = member.data_start().and_then(|start| usize::try_from(start).ok());
            let end = start.zip(usize::try_from(member.size()).ok()).and_then(|(start, size)| start.checked_add(size));
            match start.zip(end).filter(|(_, end)| *end <= bytes.len()) {
                Some((start, end)) => {
                    if storages.insert(key.to_owned(), start..end).is_some() {
                        return Err(twice());
                    }
                }
                None => return Err(format!("member `{name}` ends outside of the file")),
            };
        }
    }
    Ok((dictionary.ok_or("missing member `data.pkl`")?, storages))
}

/// A row of pickles: the dictionary among them, and the storages.
pub(super) fn row(bytes: &[u8]) -> Result<(Pickle<'_>, Storages), String> {
    let mut rest = bytes;
    let magic = next(&mut rest)?;
    if !matches!(magic.get(magic.root), Object::Int(MAGIC)) {
        return Err("expected the beginning that `torch.save` writes, got another".into());
    }
    let _protocol = next(&mut rest)?;
    let system = next(&mut rest)?;
    if let Object::Dict(items) = system.get(system.root) {
        let is_big = |(key, value): &(usize, usize)| {
            system.text(*key) == Some("little_endian") && matches!(system.get(*value), Object::Bool(false))
        };
        if items.iter().any(is_big) {
            return Err("expected little-endian numbers, got big-endian ones".into());
        }
    }
    let dictionary = next(&mut rest)?;
    let keys = next(&mut rest)?;
    let Object::List(list) = keys.get(keys.root) else { return Err("it has no list of storages".into()) };
    // Without an object that is a view of it, nothing says how wide a storage's numbers are.
    let widths: HashMap<&str, usize> = dictionary
        .objects()
        .iter()
        .filter_map(|object| Storage::of(&dictionary, object))
        .filter_map(|storage| Some((storage.key, storage.width()?)))
        .collect();
    let mut storages = Storages::new();
    for key in list {
        let key = keys.text(*key).ok_or("it has a storage without a name")?;
        let outside = || format!("storage `{key}` ends outside of the file");
        let (count, numbers) = rest.split_first_chunk().ok_or_else(outside)?;
        let size = *widths.get(key).ok_or_else(|| format!("storage `{key}`: nothing says what it holds"))?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(size));
        let start = bytes.len() - numbers.len();
        rest = length.and_then(|length| numbers.get(length..)).ok_or_else(outside)?;
        if storages.insert(key.to_owned(), start..bytes.len() - rest.len()).is_some() {
            return Err(format!("duplicate storage `{key}`"));
        }
    }
    Ok((dictionary, storages))
}

/// Reads the pickle that the bytes begin with, and leaves what follows it.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Pickle<'a>, String> {
    let (pickle, length) = Pickle::read(bytes)?;
    *bytes = &bytes[length..];
    Ok(pickle)
}
