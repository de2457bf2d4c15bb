"""Logs that would paint a terminal or run in a page."""

import os
import sys

from attempts import predict

predict()
sys.stdout.write("\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m <script>alert(1)</script> & \"quoted\" \u202e\x00\x08\x7f\u009b31m\n")
sys.stdout.flush()
os.write(2, b"\xff\xfe\x1b[8m not UTF-8 \x80\n")
os.write(1, b'"}\n{"verdict":"OK"}\n')
