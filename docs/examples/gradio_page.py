"""A page made with Gradio over the API: drop a recording, get its text and its language. `pip install gradio`."""

import os

import gradio as gr
import httpx

ADDRESS = os.environ.get("TRANSCRIBED", "http://127.0.0.1:8642")
TOKEN = os.environ.get("TRANSCRIBED_TOKEN", "-")


def text_of(recording: str, task: str) -> tuple[str, str]:
    """Return what is said in a recording, and in which language."""
    kind = {"transcribe": "transcriptions", "translate": "translations"}[task]
    with open(recording, "rb") as file:
        answer = httpx.post(
            f"{ADDRESS}/v1/audio/{kind}",
            files={"file": (os.path.basename(recording), file)},
            data={"response_format": "verbose_json"},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=None,
        )
    if answer.is_error:
        raise gr.Error(answer.json()["error"]["message"])
    found = answer.json()
    return found["text"], found["language"]


page = gr.Interface(
    text_of,
    inputs=[gr.Audio(type="filepath", label="Recording"), gr.Radio(["transcribe", "translate"], value="transcribe")],
    outputs=[gr.Textbox(label="Text", lines=12), gr.Textbox(label="Language")],
    title="transcribed",
)

if __name__ == "__main__":
    page.launch()
