// A transcript without its recording: there is nothing to play, but the text can be copied.

import { offerCopies } from "/static/copy.js";

offerCopies(() => [...document.querySelectorAll("#lines li[data-start]")]);
