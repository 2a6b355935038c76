"""CPU inference through OpenVINO GenAI, in a child process of ours."""
