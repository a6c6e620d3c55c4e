//! GGUF files made by hand, right or wrong.

use candle_core::quantized::gguf_file::Value;

/// A tensor's data are placed at multiples of this.
const ALIGNMENT: usize = 32;

/// A file, before it is bytes.
#[derive(Clone)]
pub struct File {
    pub version: u32,
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
}

/// A tensor of a file.
#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    /// The dimension of neighbours last.
    pub shape: Vec<usize>,
    /// The number of the type.
    pub kind: u32,
    pub data: Vec<u8>,
}

impl File {
    /// A file with metadata alone.
    pub fn new(metadata: Vec<(String, Value)>) -> Self {
        Self { version: 3, metadata, tensors: Vec::new() }
    }

    /// The same with a key set, or taken away.
    pub fn with(mut self, key: &str, value: impl Into<Option<Value>>) -> Self {
        self.metadata.retain(|(other, _)| other != key);
        self.metadata.extend(value.into().map(|value| (key.to_owned(), value)));
        self
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            out.extend(kind_of(value).to_le_bytes());
            write(&mut out, value);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            text(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().rev().for_each(|length| out.extend((*length as u64).to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += tensor.data.len().next_multiple_of(ALIGNMENT);
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(&tensor.data);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out
    }
}

/// A list of texts.
pub fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Array(items.into_iter().map(|item| Value::String(item.into())).collect())
}

/// A text.
pub fn string(text: &str) -> Value {
    Value::String(text.into())
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn kind_of(value: &Value) -> u32 {
    match value {
        Value::U8(_) => 0,
        Value::I8(_) => 1,
        Value::U16(_) => 2,
        Value::I16(_) => 3,
        Value::U32(_) => 4,
        Value::I32(_) => 5,
        Value::F32(_) => 6,
        Value::Bool(_) => 7,
        Value::String(_) => 8,
        Value::Array(_) => 9,
        Value::U64(_) => 10,
        Value::I64(_) => 11,
        Value::F64(_) => 12,
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(number) => out.push(*number),
        Value::I8(number) => out.extend(number.to_le_bytes()),
        Value::U16(number) => out.extend(number.to_le_bytes()),
        Value::I16(number) => out.extend(number.to_le_bytes()),
        Value::U32(number) => out.extend(number.to_le_bytes()),
        Value::I32(number) => out.extend(number.to_le_bytes()),
        Value::F32(number) => out.extend(number.to_le_bytes()),
        Value::Bool(truth) => out.push((*truth).into()),
        Value::String(of) => text(out, of),
        Value::U64(number) => out.extend(number.to_le_bytes()),
        Value::I64(number) => out.extend(number.to_le_bytes()),
        Value::F64(number) => out.extend(number.to_le_bytes()),
        Value::Array(items) => {
            out.extend(items.first().map_or(4, kind_of).to_le_bytes());
            out.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| write(out, item));
        }
    }
}
