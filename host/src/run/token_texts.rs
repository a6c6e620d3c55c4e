//! The texts of the tokens that a saved context's demonstrations were read as, by the tokenizer of its model.

use super::error::RunError;
use super::inputs::model::open_tokenizer;
use ft_engine::text::Untrusted;
use ft_record::files::context::ContextRecord;
use ft_store::datasets::location::Access;
use ft_store::hub::fetch::fetch_tokenizer;

/// The text of each of the demonstrations' tokens, in the order of `demonstration_ids`; empty for those that the model expects
/// before every text. `None` if the tokenizer of the model that the record names makes other tokens of the demonstrations: it is
/// another one now.
///
/// # Errors
/// A tokenizer that cannot be had or read; a text that it cannot encode.
pub fn token_texts(record: &ContextRecord, access: Access<'_>) -> Result<Option<Vec<Untrusted>>, RunError> {
    let draw = &record.plan.draw;
    let files = fetch_tokenizer(record.plan.model.asked.raw(), access.environment, access.progress)?;
    let tokenizer = open_tokenizer(&files)?;
    let pieces = tokenizer.pieces(draw.demonstrations.raw())?;
    let Some((before, read)) = draw.demonstration_ids.split_at_checked(tokenizer.special_before()) else {
        return Ok(None);
    };
    if !read.iter().eq(pieces.iter().map(|piece| &piece.id)) {
        return Ok(None);
    }
    let texts = before.iter().map(|_| String::new()).chain(pieces.into_iter().map(|piece| piece.text));
    Ok(Some(texts.map(Into::into).collect()))
}
