# The base image installs packages.txt and requirements.txt, then copies the project. The provider is installed last.
FROM astrocrpublic.azurecr.io/runtime:3.3-2
RUN pip install --no-cache-dir --no-deps .
