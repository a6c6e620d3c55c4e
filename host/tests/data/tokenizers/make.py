"""Writes sentence_piece.gguf (a vocabulary, no weights) and sentence_piece.json (texts and their ids by SentencePiece itself).

usage: make.py      needs: sentencepiece gguf
"""
import io, json, os
import gguf, sentencepiece

here = os.path.dirname(os.path.abspath(__file__))
rows = os.path.join(here, "../../../../tasks/sst2/sample/train.jsonl")
sentences = [json.loads(line)["sentence"] for line in open(rows, encoding="utf-8")]
out = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(sentences), model_writer=out, model_type="bpe", vocab_size=600, byte_fallback=True,
    character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
    allow_whitespace_only_pieces=True, minloglevel=2)
model = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())

kinds = []
for i in range(model.vocab_size()):
    kinds.append(2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1)
writer = gguf.GGUFWriter(os.path.join(here, "sentence_piece.gguf"), "llama")
writer.add_tokenizer_model("llama")
writer.add_token_list([model.id_to_piece(i) for i in range(model.vocab_size())])
writer.add_token_scores([model.get_score(i) for i in range(model.vocab_size())])
writer.add_token_types(kinds)
writer.add_bos_token_id(model.bos_id())
writer.add_unk_token_id(model.unk_id())
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.close()

texts = sentences[:20] + [
    "a", "good", "Good", "a film of 1999 and 27 others", "two  blanks   three", "line\nbreak\n\nand\ttab",
    "caf\u00e9 na\u00efve \u00fcber", "\u6f22\u5b57 and \U0001f600", "Review: dull .\nSentiment:", "it 's n't", "..."]
json.dump([[text, model.encode(text)] for text in texts],
          open(os.path.join(here, "sentence_piece.json"), "w"), ensure_ascii=True, indent=0)
