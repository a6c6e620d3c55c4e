// Prints the token ids that llama.cpp gives for texts, control tokens in them recognised.
//
// usage: node llama_cpp.mjs VOCABULARY.gguf TEXTS.json      needs: node-llama-cpp
import fs from "node:fs";
import {getLlama} from "node-llama-cpp";

const [vocabulary, texts] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", progressLogs: false});
const model = await llama.loadModel({modelPath: vocabulary, vocabOnly: true});
const ids = JSON.parse(fs.readFileSync(texts, "utf8")).map((text) => Array.from(model.tokenize(text, true)));
console.log(JSON.stringify(ids));
