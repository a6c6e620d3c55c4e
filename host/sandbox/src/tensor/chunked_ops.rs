//! Operations on tensors in chunks, with a look at the clock after each: one that takes seconds ends when its call's time
//! is up.
//!
//! Tensors in the CPU's memory only. Other devices are asked for the whole at once: they take it in far less time, and
//! without waiting for it.

use candle_core::{DType, Tensor, WithDType};
use half::{bf16, f16};

use super::random;
use crate::clock::Clock;
use crate::trap::HostTrap;
use ft_engine::model::error::without_backtrace;
use ft_engine::model::floats::numbers;

/// Elements of a chunk: some milliseconds, whatever is done with them.
const CHUNK: usize = 1 << 20;

/// One operation that is done in chunks.
#[derive(Clone, Debug)]
pub(crate) struct ChunkedOp {
    operation: &'static str,
    clock: Clock,
    /// Elements of a chunk.
    length: usize,
}

impl ChunkedOp {
    pub(crate) fn new(operation: &'static str, clock: Clock) -> Self {
        Self { operation, clock, length: CHUNK }
    }

    /// Elements of a tensor that are worked on at once, which may be needed several times over on the way.
    pub(crate) fn elements_at_once(&self, tensor: &Tensor) -> u64 {
        let count = tensor.elem_count();
        if tensor.device().is_cpu() { count.min(self.length) as u64 } else { count as u64 }
    }

    fn device(&self, source: candle_core::Error) -> HostTrap {
        HostTrap::Device { operation: self.operation, source: without_backtrace(source) }
    }

    /// What `compute` makes of tensors of one shape, element by element; it is called with chunks of all of them.
    pub(crate) fn map<const N: usize>(
        &self,
        tensors: [&Tensor; N],
        dtype: DType,
        compute: impl Fn([&Tensor; N]) -> candle_core::Result<Tensor>,
    ) -> Result<Tensor, HostTrap> {
        self.clock.check()?;
        if self.is_one_chunk(tensors) {
            return compute(tensors).map_err(|error| self.device(error));
        }
        let like = tensors[0];
        match dtype {
            DType::F16 => self.map_to::<f16, N>(tensors, compute)?.tensor(like.dims()),
            DType::BF16 => self.map_to::<bf16, N>(tensors, compute)?.tensor(like.dims()),
            _ => self.map_to::<f32, N>(tensors, compute)?.tensor(like.dims()),
        }
    }

    /// The numbers of what `compute` makes of tensors of one shape, element by element.
    fn map_to<T: WithDType, const N: usize>(
        &self,
        tensors: [&Tensor; N],
        compute: impl Fn([&Tensor; N]) -> candle_core::Result<Tensor>,
    ) -> Result<Copied<'_, T>, HostTrap> {
        let mut copied = Copied::new(self, tensors[0].elem_count())?;
        self.each(tensors, |chunks| {
            let made = compute(chunks).map_err(|error| self.device(error))?;
            copied.add_tensor(&made)
        })?;
        Ok(copied)
    }

    /// The sum of what `compute` makes of chunks of tensors of one shape.
    pub(crate) fn sum<const N: usize>(
        &self,
        tensors: [&Tensor; N],
        compute: impl Fn([&Tensor; N]) -> candle_core::Result<f64>,
    ) -> Result<f64, HostTrap> {
        self.clock.check()?;
        if self.is_one_chunk(tensors) {
            return compute(tensors).map_err(|error| self.device(error));
        }
        let mut sum = 0.0;
        self.each(tensors, |chunks| {
            sum += compute(chunks).map_err(|error| self.device(error))?;
            Ok(())
        })?;
        Ok(sum)
    }

    /// The tensor's numbers in single precision.
    pub(crate) fn values(&self, tensor: &Tensor) -> Result<Vec<f32>, HostTrap> {
        self.clock.check()?;
        if self.is_one_chunk([tensor]) {
            let values = tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F32)?.to_vec1());
            return values.map_err(|error| self.device(error));
        }
        Ok(self.map_to::<f32, 1>([tensor], |[part]| part.to_dtype(DType::F32))?.numbers)
    }

    /// Standard normal numbers that follow from the seed alone, in row-major order: a tensor of the shape and dtype of another,
    /// on its device.
    pub(crate) fn standard_normal(&self, seed: u64, like: &Tensor) -> Result<Tensor, HostTrap> {
        let count = like.elem_count();
        let mut drawn = Copied::<f32>::new(self, count)?;
        let mut numbers = random::standard_normal(seed);
        while drawn.numbers.len() < count {
            self.clock.check()?;
            let chunk = self.length.min(count - drawn.numbers.len());
            drawn.numbers.extend(numbers.by_ref().take(chunk));
        }
        let drawn = drawn.tensor(like.dims())?;
        if like.dtype() == DType::F32 && like.device().is_cpu() {
            return Ok(drawn);
        }
        let there = drawn.to_device(like.device()).map_err(|error| self.device(error))?;
        self.map([&there], like.dtype(), |[part]| part.to_dtype(like.dtype()))
    }

    /// Tensors one after the other along dimension `dim`, which makes a tensor of the shape `dims`.
    pub(crate) fn concat(&self, tensors: &[Tensor], dim: usize, dims: &[usize]) -> Result<Tensor, HostTrap> {
        self.clock.check()?;
        if !tensors[0].device().is_cpu() {
            // A copy of one tensor alone would share its storage.
            let whole = Tensor::cat(tensors, dim).and_then(|whole| whole.force_contiguous());
            return whole.map_err(|error| self.device(error));
        }
        let pieces: Vec<_> = tensors.iter().map(|tensor| (tensor, 0, tensor.dims()[dim])).collect();
        self.pieces(&pieces, dim, dims)
    }

    /// The part of a tensor from `start` on along dimension `dim`, which makes a tensor of the shape `dims`.
    pub(crate) fn narrow(&self, tensor: &Tensor, dim: usize, start: usize, dims: &[usize]) -> Result<Tensor, HostTrap> {
        self.clock.check()?;
        if !tensor.device().is_cpu() {
            let whole = tensor.narrow(dim, start, dims[dim]).and_then(|part| part.force_contiguous());
            return whole.map_err(|error| self.device(error));
        }
        self.pieces(&[(tensor, start, dims[dim])], dim, dims)
    }

    /// Pieces of tensors, from a start and of a length, one after the other along dimension `dim`.
    fn pieces(&self, pieces: &[(&Tensor, usize, usize)], dim: usize, dims: &[usize]) -> Result<Tensor, HostTrap> {
        match pieces[0].0.dtype() {
            DType::F16 => self.copy_pieces::<f16>(pieces, dim, dims),
            DType::BF16 => self.copy_pieces::<bf16>(pieces, dim, dims),
            _ => self.copy_pieces::<f32>(pieces, dim, dims),
        }
    }

    fn copy_pieces<T: WithDType>(
        &self,
        pieces: &[(&Tensor, usize, usize)],
        dim: usize,
        dims: &[usize],
    ) -> Result<Tensor, HostTrap> {
        let inner: usize = dims[dim + 1..].iter().product();
        let tensors = pieces.iter().map(|(tensor, ..)| tensor.contiguous()).collect::<candle_core::Result<Vec<_>>>();
        let tensors = tensors.map_err(|error| self.device(error))?;
        let sources = tensors.iter().map(numbers::<T>).collect::<candle_core::Result<Vec<_>>>();
        let sources = sources.map_err(|error| self.device(error))?;
        let mut copied = Copied::new(self, dims.iter().product())?;
        for outer in 0..dims[..dim].iter().product() {
            for (source, (tensor, start, length)) in sources.iter().zip(pieces) {
                let from = (outer * tensor.dims()[dim] + start) * inner;
                copied.add(&source[from..from + length * inner])?;
            }
        }
        drop(sources);
        copied.tensor(dims)
    }

    fn is_one_chunk<const N: usize>(&self, tensors: [&Tensor; N]) -> bool {
        !tensors[0].device().is_cpu() || tensors[0].elem_count() <= self.length
    }

    /// Hands over chunk after chunk of tensors of one shape.
    fn each<const N: usize>(
        &self,
        tensors: [&Tensor; N],
        mut work: impl FnMut([&Tensor; N]) -> Result<(), HostTrap>,
    ) -> Result<(), HostTrap> {
        let flat = |tensor: &Tensor| tensor.flatten_all().map_err(|error| self.device(error));
        let flat: Vec<Tensor> = tensors.into_iter().map(flat).collect::<Result<_, HostTrap>>()?;
        let count = tensors[0].elem_count();
        for start in (0..count).step_by(self.length) {
            self.clock.check()?;
            let length = self.length.min(count - start);
            let chunk = |tensor: &Tensor| tensor.narrow(0, start, length).map_err(|error| self.device(error));
            let chunks: Vec<Tensor> = flat.iter().map(chunk).collect::<Result<_, HostTrap>>()?;
            work(std::array::from_fn(|index| &chunks[index]))?;
        }
        Ok(())
    }
}

/// Numbers that are copied together.
struct Copied<'a, T> {
    op: &'a ChunkedOp,
    numbers: Vec<T>,
    /// Numbers since the last look at the clock.
    unchecked: usize,
}

impl<'a, T: WithDType> Copied<'a, T> {
    /// Room for so many numbers.
    fn new(op: &'a ChunkedOp, count: usize) -> Result<Self, HostTrap> {
        let mut numbers = Vec::new();
        numbers.try_reserve_exact(count).map_err(|error| op.device(candle_core::Error::wrap(error)))?;
        Ok(Self { op, numbers, unchecked: 0 })
    }

    fn add(&mut self, numbers: &[T]) -> Result<(), HostTrap> {
        for part in numbers.chunks(self.op.length) {
            self.unchecked += part.len();
            if self.unchecked > self.op.length {
                self.op.clock.check()?;
                self.unchecked = 0;
            }
            self.numbers.extend_from_slice(part);
        }
        Ok(())
    }

    fn add_tensor(&mut self, tensor: &Tensor) -> Result<(), HostTrap> {
        let made = numbers::<T>(tensor).map_err(|error| self.op.device(error))?;
        self.add(&made)
    }

    fn tensor(self, dims: &[usize]) -> Result<Tensor, HostTrap> {
        let tensor = Tensor::from_vec(self.numbers, dims, &candle_core::Device::Cpu);
        tensor.map_err(|error| self.op.device(error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use candle_core::Device;

    use super::*;
    use crate::limits::Limit;
    use crate::stop::Stop;

    fn op(length: usize) -> ChunkedOp {
        let clock = Clock::new(Duration::MAX, Stop::default());
        ChunkedOp { length, ..ChunkedOp::new("test", clock) }
    }

    fn tensor(dims: &[usize], dtype: DType) -> Tensor {
        let count: usize = dims.iter().product();
        let values = (0..count).map(|index| (index * 7 % 23) as f32 * 0.3 - 2.0).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn same(left: &Tensor, right: &Tensor) -> bool {
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
        left.dims() == right.dims() && left.dtype() == right.dtype() && values(left).unwrap() == values(right).unwrap()
    }

    #[test]
    fn chunks_make_what_the_whole_makes() {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let (a, b) = (tensor(&[2, 5, 3], dtype), tensor(&[2, 4, 3], dtype));
            let turned = tensor(&[3, 5, 2], dtype).transpose(0, 2).unwrap();
            for length in [1, 4, 7, 29, 30, 100] {
                let op = op(length);
                let mul = op.map([&a, &turned], dtype, |[a, b]| a * b).unwrap();
                assert!(same(&mul, &(&a * &turned).unwrap()), "{dtype:?} in chunks of {length}");
                let rounded = op.map([&tensor(&[4, 9], DType::F32)], dtype, |[part]| part.to_dtype(dtype)).unwrap();
                assert!(same(&rounded, &tensor(&[4, 9], dtype)), "{dtype:?} in chunks of {length}");
                let concat = op.concat(&[a.clone(), b.clone(), turned.clone()], 1, &[2, 14, 3]).unwrap();
                assert!(same(&concat, &Tensor::cat(&[&a, &b, &turned], 1).unwrap()), "{dtype:?} in chunks of {length}");
                for (dim, start, dims) in [(0, 1, [1, 5, 3]), (1, 2, [2, 3, 3]), (2, 0, [2, 5, 2])] {
                    let narrow = op.narrow(&turned, dim, start, &dims).unwrap();
                    assert!(same(&narrow, &turned.narrow(dim, start, dims[dim]).unwrap()), "dimension {dim}");
                }
                let sum = op.sum([&a], |[part]| Ok(part.elem_count() as f64)).unwrap();
                assert_eq!(sum, 30.0);
                let values = turned.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(op.values(&turned).unwrap(), values);
                let direction = op.standard_normal(3, &a).unwrap();
                assert!(same(&direction, &self::op(100).standard_normal(3, &a).unwrap()), "{dtype:?} in {length}");
            }
        }
    }

    #[test]
    fn what_is_made_has_storage_of_its_own() {
        let a = tensor(&[2, 3], DType::F32);
        let own = |made: Tensor| made.add(&a).is_ok() && !std::ptr::eq(address(&made), address(&a));
        assert!(own(op(9).concat(std::slice::from_ref(&a), 0, &[2, 3]).unwrap()));
        assert!(own(op(9).narrow(&a, 0, 0, &[2, 3]).unwrap()));
    }

    fn address(tensor: &Tensor) -> *const f32 {
        numbers::<f32>(tensor).unwrap().as_ptr()
    }

    #[test]
    fn the_clock_is_looked_at_between_chunks() {
        let soon = Duration::from_millis(20);
        let mut clock = Clock::new(soon, Stop::default());
        clock.start(Instant::now());
        let op = ChunkedOp { length: 1, ..ChunkedOp::new("test", clock) };
        let long = tensor(&[1000], DType::F32);
        let slow = |[part]: [&Tensor; 1]| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(part.clone())
        };
        let is_over =
            |fault: HostTrap| matches!(fault, HostTrap::LimitExceeded(Limit::Time { limit }) if limit == soon);
        assert!(is_over(op.map([&long], DType::F32, slow).unwrap_err()));
        assert!(is_over(op.sum([&long], |chunk| slow(chunk).map(|_| 0.0)).unwrap_err()));
        assert!(is_over(op.concat(&[long.clone(), long.clone()], 0, &[2000]).unwrap_err()));
        assert!(is_over(op.narrow(&long, 0, 1, &[999]).unwrap_err()));
        assert!(is_over(op.values(&long).unwrap_err()));
        assert!(is_over(op.standard_normal(1, &long).unwrap_err()));
    }
}
