//! Devices and number formats, as a user names them.

use std::str::FromStr;

use candle_core::{DType, Device};

use super::ModelError;
use super::error::without_backtrace;

/// Where the model runs, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device if this build and machine have one, else the CPU.
    Auto,
    /// The CPU, by kernels of our own.
    Cpu,
    /// A CUDA device by its ordinal.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", ordinal)) => ordinal
                .parse()
                .map(Self::Cuda)
                .map_err(|_| format!("expected a device number behind `cuda:`, got `{ordinal}`")),
            _ => Err(format!("expected one of auto, cpu, cuda, cuda:N, got `{text}`")),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device; `Auto` takes the first CUDA device where there is one.
    ///
    /// # Errors
    /// [`ModelError::Device`] when CUDA was asked for by name and cannot be had.
    pub fn open(self) -> Result<Device, ModelError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(open_cuda(0).unwrap_or(Device::Cpu)),
            Self::Cuda(ordinal) => open_cuda(ordinal),
        }
    }
}

fn open_cuda(ordinal: usize) -> Result<Device, ModelError> {
    let device = DeviceChoice::Cuda(ordinal).to_string();
    if !cfg!(feature = "cuda") {
        return Err(ModelError::Device { device, reason: "this build has no CUDA support (feature `cuda`)".into() });
    }
    Device::new_cuda(ordinal)
        .map_err(|error| ModelError::Device { device, reason: without_backtrace(error).to_string() })
}

/// Bytes that a CUDA device has to give; `None` for others, or where the driver does not say.
pub fn free_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(cuda) = device {
        let (free, _) = cuda.cuda_stream().context().mem_get_info().ok()?;
        return Some(free as u64);
    }
    let _ = device;
    None
}

/// The number format of weights, keys and values, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DTypeChoice {
    /// `f32` on the CPU, `bf16` on CUDA.
    Auto,
    /// IEEE single precision.
    F32,
    /// bfloat16: the range of f32 with 8 bits of precision.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl FromStr for DTypeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            _ => Err(format!("expected one of auto, f32, bf16, f16, got `{text}`")),
        }
    }
}

impl std::fmt::Display for DTypeChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl DTypeChoice {
    /// The format to use on this device.
    pub fn resolve(self, device: &Device) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
            Self::Auto if device.is_cuda() => DType::BF16,
            Self::Auto => DType::F32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:3", DeviceChoice::Cuda(3)),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cpu:0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
        assert!("f64".parse::<DTypeChoice>().is_err());
    }
}
